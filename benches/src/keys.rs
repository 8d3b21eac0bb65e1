//! Owns the choice of the next key, and the text of a key.
//!
//! Must never give contenders different keys.

use std::fmt::Write;

use crate::random::{Random, mixed};

/// How often each key is requested.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Distribution {
    /// Each as often as any other.
    Uniform,
    /// The second most popular half as often as the first, and so on (an exponent of 0.99, as in YCSB): a tenth of
    /// 100,000 keys get four fifths of the requests.
    Zipf,
}

/// The exponent of [`Distribution::Zipf`].
const EXPONENT: f64 = 0.99;

/// The keys of the cache: numbers from 0 to `count` - 1.
#[derive(Clone, Debug)]
pub struct Keys {
    count: u64,
    zipf: Option<Zipf>,
}

impl Keys {
    /// `count` keys, requested as `distribution` says.
    pub fn new(count: u64, distribution: Distribution) -> Self {
        let zipf = (distribution == Distribution::Zipf).then(|| Zipf::new(count));
        Self { count, zipf }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The number of the next key to request.
    pub fn next(&self, random: &mut Random) -> u64 {
        match &self.zipf {
            None => random.below(self.count),
            // Popular keys must not be neighbours, or they would share pages.
            Some(zipf) => mixed(zipf.rank(random.fraction())) % self.count,
        }
    }
}

/// Writes the key with this number: 15 bytes, with a namespace, as the documents have them.
pub fn spell(number: u64, key: &mut String) {
    named("tenant", number, key);
}

/// Writes the key with this number in another namespace.
pub fn named(namespace: &str, number: u64, key: &mut String) {
    key.clear();
    // Writing to a String does not fail.
    let _ = write!(key, "{namespace}:{number:08}");
}

/// Ranks by popularity, in constant time: Gray and others, "Quickly Generating Billion-Record Synthetic Databases"
/// (SIGMOD '94), as YCSB does it.
#[derive(Clone, Debug)]
struct Zipf {
    count: f64,
    /// The sum of `1 / rank^EXPONENT` over all ranks.
    zeta: f64,
    alpha: f64,
    eta: f64,
}

impl Zipf {
    fn new(count: u64) -> Self {
        let zeta: f64 = (1..=count).map(|rank| (rank as f64).powf(-EXPONENT)).sum();
        let two = 1.0 + 0.5f64.powf(EXPONENT);
        let count = count as f64;
        let eta = (1.0 - (2.0 / count).powf(1.0 - EXPONENT)) / (1.0 - two / zeta);
        Self { count, zeta, alpha: 1.0 / (1.0 - EXPONENT), eta }
    }

    /// The rank, from 0, for a number from 0 to 1.
    fn rank(&self, fraction: f64) -> u64 {
        let scaled = fraction * self.zeta;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < 1.0 + 0.5f64.powf(EXPONENT) {
            return 1;
        }
        let rank = self.count * (self.eta * fraction - self.eta + 1.0).powf(self.alpha);
        (rank as u64).min(self.count as u64 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_popular_of_a_thousand_gets_its_share() {
        let keys = 1000;
        let zipf = Zipf::new(keys);
        let mut random = Random::new(7);
        let mut asked = vec![0u32; keys as usize];
        let samples = 200_000;
        for _ in 0..samples {
            asked[zipf.rank(random.fraction()) as usize] += 1;
        }
        let share = |rank: usize| f64::from(asked[rank]) / f64::from(samples);
        let expected = |rank: f64| rank.powf(-EXPONENT) / zipf.zeta;
        assert!((share(0) / expected(1.0) - 1.0).abs() < 0.05, "{}", share(0));
        assert!((share(1) / expected(2.0) - 1.0).abs() < 0.05, "{}", share(1));
        let tenth: f64 = (0..100).map(share).sum();
        let expected_tenth: f64 = (1..=100).map(|rank| expected(f64::from(rank))).sum();
        assert!((tenth / expected_tenth - 1.0).abs() < 0.05, "{tenth} for {expected_tenth}");
    }

    #[test]
    fn every_number_is_a_key_that_is_there() {
        let mut random = Random::new(3);
        for distribution in [Distribution::Uniform, Distribution::Zipf] {
            let keys = Keys::new(50, distribution);
            assert!((0..10_000).all(|_| keys.next(&mut random) < 50));
        }
    }

    #[test]
    fn keys_have_a_namespace_and_one_length() {
        let mut key = String::new();
        spell(42, &mut key);
        assert_eq!(key, "tenant:00000042");
        assert_eq!(key.len(), 15);
    }
}
