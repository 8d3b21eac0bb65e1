//! Owns the estimate of what a larger cache would gain: which evicted keys to remember, and how much larger the cache
//! would have had to be for a miss to be a hit.
//!
//! A cache that evicts in turn has room again for `entries` keys after as many evictions. So an entry that was evicted
//! `since` evictions ago would still be there if the cache held that many more. Must never remember a share that
//! outgrows its places.

/// How much larger the cache would have had to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distance {
    /// By half at most.
    Half,
    /// Twice as large.
    Once,
    /// Four times as large.
    Thrice,
    /// Larger than that.
    Beyond,
}

/// The distance of a key that was evicted `since` evictions ago from a cache of `entries`.
pub fn distance(since: u64, entries: u64) -> Distance {
    match since as f64 / entries.max(1) as f64 {
        share if share <= 0.5 => Distance::Half,
        share if share <= 1.0 => Distance::Once,
        share if share <= 3.0 => Distance::Thrice,
        _ => Distance::Beyond,
    }
}

/// One key in how many is remembered, so that `places` suffice for three times `entries`: a power of two.
pub fn sample(entries: u64, places: u64) -> u64 {
    (entries.saturating_mul(3) / places.max(1) + 1).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_left_just_now_needed_little_more_room() {
        let distances = [1, 50, 100, 101, 300, 301].map(|since| distance(since, 100));
        use Distance::{Beyond, Half, Once, Thrice};
        assert_eq!(distances, [Half, Half, Once, Thrice, Thrice, Beyond]);
    }

    #[test]
    fn the_sample_grows_thinner_as_the_cache_grows() {
        assert_eq!([sample(0, 1000), sample(300, 1000), sample(1000, 1000), sample(10_000, 1000)], [1, 1, 4, 32]);
    }
}
