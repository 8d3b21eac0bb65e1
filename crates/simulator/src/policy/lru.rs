//! Owns LRU: it evicts the entry that was requested least recently.
//!
//! Must never evict an entry for one that is too large for the whole cache.

use super::{interface::Policy, list::List};

/// Least recently used.
pub struct Lru {
    list: List,
    limit: u64,
}

impl Lru {
    /// Holds `limit`.
    pub fn new(limit: u64, keys: usize) -> Self {
        Self { list: List::new(keys), limit }
    }
}

impl Policy for Lru {
    fn request(&mut self, key: u32, weight: u32) -> bool {
        if self.list.holds(key) {
            self.list.renew(key);
            return true;
        }
        self.list.admit(key, weight, self.limit, |list| {
            list.pop();
        });
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_goes_that_was_not_asked_for_longest() {
        let mut lru = Lru::new(2, 3);
        let hits: Vec<bool> = [0, 1, 0, 2, 0, 1].into_iter().map(|key| lru.request(key, 1)).collect();
        assert_eq!(hits, [false, false, true, false, true, false]);
    }
}
