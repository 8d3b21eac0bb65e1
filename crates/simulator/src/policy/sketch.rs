//! Owns an estimate of how often keys were requested lately.
//!
//! It is a count-min sketch of four rows of small counters that are halved now and then: Einziger, Friedman and Manes,
//! "TinyLFU: A Highly Efficient Cache Admission Policy" (2017). Must never estimate less than was counted since the
//! last halving.

use crate::trace::mix;

const ROWS: u64 = 4;
/// The highest count.
const MOST: u8 = 15;

/// A sketch.
pub struct Sketch {
    counters: Vec<u8>,
    row: usize,
    counted: u64,
    sample: u64,
}

impl Sketch {
    /// For a cache of `entries` entries: that many counters a row, halved after ten times as many requests.
    pub fn new(entries: u64) -> Self {
        let row = entries.max(16).next_power_of_two() as usize;
        Self { counters: vec![0; row * ROWS as usize], row, counted: 0, sample: entries.max(16) * 10 }
    }

    fn places(&self, key: u32) -> impl Iterator<Item = usize> + use<> {
        let row = self.row;
        (0..ROWS).map(move |n| n as usize * row + (mix(u64::from(key) | (n + 1) << 32) as usize & (row - 1)))
    }

    /// How often the key was requested.
    pub fn count(&self, key: u32) -> u8 {
        self.places(key).map(|place| self.counters[place]).min().unwrap_or(0)
    }

    /// Counts a request.
    pub fn add(&mut self, key: u32) {
        for place in self.places(key) {
            self.counters[place] = (self.counters[place] + 1).min(MOST);
        }
        self.counted += 1;
        if self.counted >= self.sample {
            self.counted /= 2;
            self.counters.iter_mut().for_each(|counter| *counter /= 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_more_often_counts_more_and_all_is_halved_in_time() {
        let mut sketch = Sketch::new(100);
        (0..6).for_each(|_| sketch.add(1));
        sketch.add(2);
        assert_eq!((sketch.count(1), sketch.count(2), sketch.count(3)), (6, 1, 0));
        (0..1_000).for_each(|_| sketch.add(3));
        assert_eq!(sketch.count(1), 3);
    }
}
