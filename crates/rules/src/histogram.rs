//! Owns a histogram of durations: which bucket a duration belongs to, and which duration a bucket stands for.
//!
//! It is log-linear, as HdrHistogram (Gil Tene): [`STEPS`] buckets of equal width divide every power of two, so a
//! quantile is off by at most 1/[`STEPS`] of itself. Must never lose a duration: one that is too long counts in the
//! last bucket.

/// Buckets for each power of two: the error is below 1/16, or 6.25 %.
pub const STEPS: usize = 1 << STEP_BITS;
const STEP_BITS: u32 = 4;
/// A duration above 2^36 ns, or 68 s, counts in the last bucket.
const LARGEST_BIT: u32 = 36;
/// How many buckets there are.
pub const BUCKETS: usize = (LARGEST_BIT - STEP_BITS + 1) as usize * STEPS;

/// The bucket of a duration in nanoseconds.
pub fn bucket_of(nanoseconds: u64) -> usize {
    let shift = (u64::BITS - nanoseconds.leading_zeros()).saturating_sub(STEP_BITS + 1);
    let bucket = shift as usize * STEPS + (nanoseconds >> shift) as usize;
    bucket.min(BUCKETS - 1)
}

/// The longest duration of a bucket, in nanoseconds.
pub fn longest_of(bucket: usize) -> u64 {
    let (power, step) = (bucket / STEPS, bucket % STEPS);
    if power == 0 {
        return step as u64;
    }
    let shift = power as u32 - 1;
    (((STEPS + step + 1) as u64) << shift) - 1
}

/// The duration in nanoseconds that a share `quantile` (0 to 1) of the counted ones does not exceed; None where nothing
/// was counted. It is never below the true one, and above it by less than 1/[`STEPS`].
pub fn quantile(counts: &[u64], quantile: f64) -> Option<u64> {
    let total: u64 = counts.iter().sum();
    let rank = ((total as f64 * quantile).ceil() as u64).clamp(1, total.max(1));
    let mut below = 0;
    let bucket = counts.iter().position(|count| {
        below += count;
        below >= rank
    })?;
    Some(longest_of(bucket))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(quantile(&[0; BUCKETS], 0.5), None);
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        for bucket in 0..BUCKETS - 1 {
            assert_eq!(bucket_of(longest_of(bucket)), bucket);
            assert_eq!(bucket_of(longest_of(bucket) + 1), bucket + 1);
        }
    }

    #[test]
    fn what_is_too_long_counts_in_the_last_bucket() {
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
        assert!(longest_of(BUCKETS - 1) >= 60_000_000_000);
    }

    proptest! {
        #[test]
        fn a_quantile_is_off_by_less_than_a_sixteenth(
            mut durations in prop::collection::vec(0_u64..60_000_000_000, 1..200), share in 0.0..=1.0_f64,
        ) {
            let mut counts = [0; BUCKETS];
            durations.iter().for_each(|&duration| counts[bucket_of(duration)] += 1);
            durations.sort_unstable();
            let rank = ((durations.len() as f64 * share).ceil() as usize).max(1);
            let exact = durations[rank - 1];
            let told = quantile(&counts, share).unwrap();
            prop_assert!(told >= exact && told - exact <= exact / STEPS as u64, "{told} for {exact}");
        }
    }
}
