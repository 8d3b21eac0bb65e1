//! Owns the request patterns that caches meet: popularity by Zipf's law, scans, loops, and popularity that shifts.
//!
//! Must never use another source of randomness than the seed.

use super::random::{Random, mix};

/// `length` requests for keys 0 to `keys` - 1; the n-th most popular is requested in proportion to 1 / n^`skew`. Keys
/// are ranks: 0 is the most popular.
pub fn zipf(seed: u64, skew: f64, keys: usize, length: usize) -> Vec<u64> {
    let mut random = Random::new(seed);
    let ranks = Ranks::new(skew, keys);
    (0..length).map(|_| ranks.draw(&mut random)).collect()
}

/// Requests by Zipf's law, with scans of keys that are requested once: after each `popular` of the former come `once`
/// of the latter.
pub fn scan_into_zipf(seed: u64, skew: f64, keys: usize, length: usize, popular: usize, once: usize) -> Vec<u64> {
    let mut random = Random::new(seed);
    let ranks = Ranks::new(skew, keys);
    let mut scanned = keys as u64..;
    let of_scan = |at: usize| at % (popular + once) >= popular;
    (0..length).filter_map(|at| if of_scan(at) { scanned.next() } else { Some(ranks.draw(&mut random)) }).collect()
}

/// `length` keys that go from 0 to `keys` - 1 in order, again and again.
pub fn looped(keys: usize, length: usize) -> Vec<u64> {
    (0..length).map(|at| (at % keys) as u64).collect()
}

/// Requests by Zipf's law whose popularity shifts: after every `every` requests the ranks go to other keys, a quarter
/// of which are new.
pub fn shifting(seed: u64, skew: f64, keys: usize, length: usize, every: usize) -> Vec<u64> {
    let mut random = Random::new(seed);
    let ranks = Ranks::new(skew, keys);
    let key = |at: usize, rank: u64| {
        let era = (at / every) as u64;
        mix(rank ^ (era << 40)) % keys as u64 + era * keys as u64 / 4
    };
    (0..length).map(|at| key(at, ranks.draw(&mut random))).collect()
}

/// The size of the entry of a key, 64 bytes to 64 kB: few are large, whatever their popularity.
pub fn large_and_small(key: u64) -> u32 {
    let share = (mix(key.wrapping_add(1)) >> 11) as f64 / (1_u64 << 53) as f64;
    (64.0 * 1024.0_f64.powf(share * share)) as u32
}

/// The cumulative probabilities of the ranks.
struct Ranks(Vec<f64>);

impl Ranks {
    fn new(skew: f64, keys: usize) -> Self {
        let weights = (1..=keys.max(1)).map(|rank| (rank as f64).powf(-skew));
        let mut sums: Vec<f64> = weights
            .scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect();
        let whole = sums.last().copied().unwrap_or(1.0);
        sums.iter_mut().for_each(|sum| *sum /= whole);
        Self(sums)
    }

    fn draw(&self, random: &mut Random) -> u64 {
        let share = random.fraction();
        self.0.partition_point(|&sum| sum <= share).min(self.0.len() - 1) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zipf_asks_for_the_first_twice_as_often_as_for_the_second() {
        let keys = zipf(1, 1.0, 1_000, 200_000);
        let count = |key| keys.iter().filter(|&&asked| asked == key).count() as f64;
        assert!((count(0) / count(1) - 2.0).abs() < 0.1);
        assert!((count(0) / count(9) - 10.0).abs() < 0.8);
        assert!(keys.iter().all(|&key| key < 1_000));
    }

    #[test]
    fn a_scan_asks_for_each_of_its_keys_once() {
        let keys = scan_into_zipf(1, 1.0, 100, 400, 3, 1);
        let scanned: Vec<u64> = keys.into_iter().filter(|&key| key >= 100).collect();
        assert_eq!(scanned, (100..200).collect::<Vec<u64>>());
    }

    #[test]
    fn popularity_moves_on() {
        let keys = shifting(1, 1.0, 1_000, 20_000, 10_000);
        let top = |keys: &[u64]| (0..2_000).max_by_key(|key| keys.iter().filter(|asked| *asked == key).count());
        assert_ne!(top(&keys[..10_000]), top(&keys[10_000..]));
    }

    #[test]
    fn sizes_lie_within_their_bounds_and_most_are_small() {
        let sizes: Vec<u32> = (0..10_000).map(large_and_small).collect();
        assert!(sizes.iter().all(|size| (64..=65_536).contains(size)));
        assert!(sizes.iter().filter(|&&size| size < 1_024).count() > 5_000);
    }
}
