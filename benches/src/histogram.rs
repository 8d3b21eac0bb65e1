//! Owns a histogram of request times, exact to 3 %, in a few kilobytes.
//!
//! Must never allocate while it records.

use std::time::Duration;

/// The number of buckets that divide each power of two.
const STEPS: usize = 32;
const STEP_BITS: u32 = STEPS.ilog2();

/// Request times by size.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; 64 * STEPS], count: 0 }
    }
}

impl Histogram {
    /// Adds one request.
    pub fn record(&mut self, took: Duration) {
        self.buckets[bucket(took.as_nanos() as u64)] += 1;
        self.count += 1;
    }

    /// How many requests were added.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Adds the requests of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (own, others) in self.buckets.iter_mut().zip(&other.buckets) {
            *own += others;
        }
        self.count += other.count;
    }

    /// The time that `share` of the requests did not exceed; zero when there were none.
    pub fn percentile(&self, share: f64) -> Duration {
        let wanted = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_nanos(upper(index));
            }
        }
        Duration::ZERO
    }
}

fn bucket(nanos: u64) -> usize {
    if nanos < STEPS as u64 {
        return nanos as usize;
    }
    let power = nanos.ilog2();
    let step = (nanos >> (power - STEP_BITS)) as usize - STEPS;
    (power - STEP_BITS + 1) as usize * STEPS + step
}

/// The longest time of a bucket.
fn upper(index: usize) -> u64 {
    if index < STEPS {
        return index as u64;
    }
    let shift = (index / STEPS - 1) as u32;
    ((STEPS + index % STEPS + 1) as u64) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_three_percent() {
        let mut histogram = Histogram::default();
        for micros in 1..=1000 {
            histogram.record(Duration::from_micros(micros));
        }
        for (share, micros) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let measured = histogram.percentile(share).as_secs_f64() * 1e6;
            assert!((measured / micros - 1.0).abs() < 0.04, "{share}: {measured} for {micros}");
        }
        assert_eq!(histogram.count(), 1000);
    }

    #[test]
    fn buckets_are_in_the_order_of_their_times() {
        let times = [0, 1, 31, 32, 33, 63, 64, 1000, 1 << 20, u64::MAX / 2];
        let buckets: Vec<_> = times.iter().map(|&nanos| bucket(nanos)).collect();
        assert!(buckets.is_sorted(), "{buckets:?}");
        assert!(times.iter().all(|&nanos| upper(bucket(nanos)) >= nanos));
    }

    #[test]
    fn merging_adds() {
        let (mut one, mut other) = (Histogram::default(), Histogram::default());
        one.record(Duration::from_micros(1));
        other.record(Duration::from_millis(1));
        one.merge(&other);
        assert_eq!(one.count(), 2);
        assert!(one.percentile(1.0) >= Duration::from_millis(1));
    }

    #[test]
    fn nothing_took_no_time() {
        assert_eq!(Histogram::default().percentile(0.99), Duration::ZERO);
    }
}
