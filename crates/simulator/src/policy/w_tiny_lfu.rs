//! Owns W-TinyLFU: a small LRU window, a large segmented LRU, and a sketch of frequencies that decides what passes from
//! one to the other.
//!
//! It is the algorithm of Einziger, Friedman and Manes, "TinyLFU" (2017), with the sizes of the paper: 1 % window, 80 %
//! of the rest protected. The window does not adapt. Must never admit an entry that was requested less often than the
//! one it replaces.

use super::{interface::Policy, list::List, sketch::Sketch};

/// Window, probation and protected.
pub struct WTinyLfu {
    window: List,
    probation: List,
    protected: List,
    sketch: Sketch,
    limit: u64,
}

impl WTinyLfu {
    /// Holds `limit`.
    pub fn new(limit: u64, keys: usize) -> Self {
        let list = || List::new(keys);
        let sketch = Sketch::new(limit.min(keys as u64));
        Self { window: list(), probation: list(), protected: list(), sketch, limit }
    }

    fn window_limit(&self) -> u64 {
        (self.limit / 100).max(1)
    }

    fn main_limit(&self) -> u64 {
        self.limit - self.window_limit()
    }

    fn serve(&mut self, key: u32) -> bool {
        if self.window.holds(key) {
            self.window.renew(key);
        } else if self.protected.holds(key) {
            self.protected.renew(key);
        } else if self.probation.holds(key) {
            let weight = self.probation.weight_of(key);
            self.probation.remove(key);
            self.protected.push(key, weight);
            while self.protected.weight() > self.main_limit() * 4 / 5 {
                let Some(oldest) = self.protected.back() else { break };
                let weight = self.protected.weight_of(oldest);
                self.protected.remove(oldest);
                self.probation.push(oldest, weight);
            }
        } else {
            return false;
        }
        true
    }

    /// Admits an entry that leaves the window, or drops it.
    fn admit(&mut self, key: u32, weight: u32) {
        while self.probation.weight() + self.protected.weight() + u64::from(weight) > self.main_limit() {
            let list = if self.probation.length() > 0 { &mut self.probation } else { &mut self.protected };
            match list.back() {
                Some(victim) if self.sketch.count(key) > self.sketch.count(victim) => list.remove(victim),
                _ => return,
            }
        }
        self.probation.push(key, weight);
    }
}

impl Policy for WTinyLfu {
    fn request(&mut self, key: u32, weight: u32) -> bool {
        self.sketch.add(key);
        if self.serve(key) {
            return true;
        }
        self.window.push(key, weight);
        while self.window.weight() > self.window_limit() {
            let Some(oldest) = self.window.back() else { break };
            let weight = self.window.weight_of(oldest);
            self.window.remove(oldest);
            self.admit(oldest, weight);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_does_not_oust_what_is_asked_for_often() {
        let mut policy = WTinyLfu::new(100, 1_000);
        for _ in 0..3 {
            (0..90).for_each(|key| _ = policy.request(key, 1));
        }
        (100..500).for_each(|key| _ = policy.request(key, 1));
        let kept = (0..90).filter(|&key| policy.request(key, 1)).count();
        assert!(kept > 75, "{kept}");
    }

    #[test]
    fn what_is_too_large_for_the_cache_is_not_held() {
        let mut policy = WTinyLfu::new(100, 10);
        assert!(!policy.request(1, 1_000) && !policy.request(1, 1_000));
    }
}
