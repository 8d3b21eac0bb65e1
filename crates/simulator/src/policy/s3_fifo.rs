//! Owns S3-FIFO: a small queue in which a new entry must be requested again, a large queue for entries that were, and a
//! memory of what the small queue evicted.
//!
//! It is the algorithm of Yang et al., "FIFO queues are all you need for cache eviction" (SOSP 2023), with the sizes of
//! the paper: a tenth for the small queue, a memory as long as the large one. Must never move an entry on a hit.

use super::{interface::Policy, list::List};

/// The highest count of an entry.
const MOST: u8 = 3;

/// Three queues.
pub struct S3Fifo {
    small: List,
    main: List,
    ghosts: List,
    limit: u64,
    asked: Vec<u8>,
}

impl S3Fifo {
    /// Holds `limit`.
    pub fn new(limit: u64, keys: usize) -> Self {
        let list = || List::new(keys);
        Self { small: list(), main: list(), ghosts: list(), limit, asked: vec![0; keys] }
    }

    fn small_share(&self) -> u64 {
        (self.limit / 10).max(1)
    }

    fn evict(&mut self) {
        if self.small.weight() >= self.small_share() || self.main.length() == 0 {
            self.evict_small();
        } else {
            self.evict_main();
        }
    }

    fn evict_small(&mut self) {
        while let Some(key) = self.small.back() {
            let weight = self.small.weight_of(key);
            self.small.remove(key);
            if self.asked[key as usize] > 1 {
                self.asked[key as usize] = 0;
                self.main.push(key, weight);
                if self.main.weight() > self.limit - self.small_share() {
                    return self.evict_main();
                }
            } else {
                self.ghosts.push(key, weight);
                while self.ghosts.weight() > self.limit - self.small_share() {
                    self.ghosts.pop();
                }
                return;
            }
        }
    }

    fn evict_main(&mut self) {
        while let Some(key) = self.main.back() {
            if self.asked[key as usize] == 0 {
                return self.main.remove(key);
            }
            self.asked[key as usize] -= 1;
            self.main.renew(key);
        }
    }
}

impl Policy for S3Fifo {
    fn request(&mut self, key: u32, weight: u32) -> bool {
        if self.small.holds(key) || self.main.holds(key) {
            self.asked[key as usize] = (self.asked[key as usize] + 1).min(MOST);
            return true;
        }
        if u64::from(weight) <= self.limit {
            while self.small.weight() + self.main.weight() + u64::from(weight) > self.limit {
                self.evict();
            }
            self.asked[key as usize] = 0;
            if self.ghosts.holds(key) {
                self.ghosts.remove(key);
                self.main.push(key, weight);
            } else {
                self.small.push(key, weight);
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_once_passes_through_the_small_queue_alone() {
        let mut policy = S3Fifo::new(10, 200);
        for key in [0, 1, 0, 1, 0, 1] {
            policy.request(key, 1);
        }
        (2..100).for_each(|key| assert!(!policy.request(key, 1)));
        assert!(policy.request(0, 1) && policy.request(1, 1));
        assert!(policy.main.holds(0) && !policy.main.holds(50));
    }

    #[test]
    fn what_comes_back_soon_goes_into_the_large_queue() {
        let mut policy = S3Fifo::new(10, 200);
        (0..15).for_each(|key| assert!(!policy.request(key, 1)));
        assert!(!policy.request(2, 1));
        assert!(policy.main.holds(2));
    }
}
