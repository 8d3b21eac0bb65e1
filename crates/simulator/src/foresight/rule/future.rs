//! Owns the two ends of the scale: nothing foreseen, and every miss foreseen.
//!
//! Must never be taken for a rule that could run: one of them knows the future.

use super::interface::Rule;

/// Foresees nothing, and writes down what missed.
pub struct Blind {
    /// The minutes of the misses by key.
    pub misses: Vec<Vec<u32>>,
}

impl Blind {
    /// For so many keys.
    pub fn new(keys: usize) -> Self {
        Self { misses: vec![Vec::new(); keys] }
    }
}

impl Rule for Blind {
    fn missed(&mut self, key: u32, minute: u32) {
        self.misses[key as usize].push(minute);
    }

    fn ended(&mut self, _: u32, _: u32, _: bool) {}

    fn due(&mut self, _: u32, _: &mut Vec<u32>) {}

    fn bytes(&self) -> usize {
        0
    }
}

/// Loads a key at the beginning of the minute in which it would miss.
pub struct Oracle {
    /// The misses to come, the next one last.
    misses: Vec<(u32, u32)>,
}

impl Oracle {
    /// Knows the demands (minute and key), of which the first of a key cannot be foreseen by anyone.
    pub fn new(demands: impl DoubleEndedIterator<Item = (u32, u32)>, keys: usize) -> Self {
        let mut known = vec![false; keys];
        let mut misses: Vec<_> =
            demands.filter(|&(_, key)| std::mem::replace(&mut known[key as usize], true)).collect();
        misses.reverse();
        Self { misses }
    }
}

impl Rule for Oracle {
    fn missed(&mut self, _: u32, _: u32) {}

    fn ended(&mut self, _: u32, _: u32, _: bool) {}

    fn due(&mut self, minute: u32, keys: &mut Vec<u32>) {
        while let Some((_, key)) = self.misses.pop_if(|(next, _)| *next <= minute) {
            keys.push(key);
        }
    }

    fn bytes(&self) -> usize {
        0
    }
}
