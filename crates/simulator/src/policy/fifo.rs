//! Owns FIFO and CLOCK: both evict the oldest entry, but CLOCK only if it was not requested since the hand last passed.
//!
//! Must never touch the list on a hit.

use super::{interface::Policy, list::List};

/// First in, first out.
pub struct Fifo {
    list: List,
    limit: u64,
}

impl Fifo {
    /// Holds `limit`.
    pub fn new(limit: u64, keys: usize) -> Self {
        Self { list: List::new(keys), limit }
    }
}

impl Policy for Fifo {
    fn request(&mut self, key: u32, weight: u32) -> bool {
        if self.list.holds(key) {
            return true;
        }
        self.list.admit(key, weight, self.limit, |list| {
            list.pop();
        });
        false
    }
}

/// CLOCK: FIFO with a second chance, one bit an entry.
pub struct Clock {
    list: List,
    limit: u64,
    asked: Vec<bool>,
}

impl Clock {
    /// Holds `limit`.
    pub fn new(limit: u64, keys: usize) -> Self {
        Self { list: List::new(keys), limit, asked: vec![false; keys] }
    }
}

impl Policy for Clock {
    fn request(&mut self, key: u32, weight: u32) -> bool {
        if self.list.holds(key) {
            self.asked[key as usize] = true;
            return true;
        }
        let asked = &mut self.asked;
        self.list.admit(key, weight, self.limit, |list| {
            let Some(oldest) = list.back() else { return };
            if std::mem::take(&mut asked[oldest as usize]) {
                list.renew(oldest);
            } else {
                list.remove(oldest);
            }
        });
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(policy: &mut impl Policy, keys: &[u32]) -> Vec<bool> {
        keys.iter().map(|&key| policy.request(key, 1)).collect()
    }

    #[test]
    fn fifo_forgets_the_oldest_though_it_is_asked_for() {
        assert_eq!(hits(&mut Fifo::new(2, 3), &[0, 1, 0, 2, 0]), [false, false, true, false, false]);
    }

    #[test]
    fn clock_gives_what_is_asked_for_a_second_chance() {
        assert_eq!(hits(&mut Clock::new(2, 3), &[0, 1, 0, 2, 0]), [false, false, true, false, true]);
    }
}
