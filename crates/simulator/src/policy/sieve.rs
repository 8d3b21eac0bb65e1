//! Owns SIEVE: a hand goes from the oldest entry to the newest and evicts what was not requested.
//!
//! It is the algorithm of Zhang et al., "SIEVE is simpler than LRU" (NSDI 2024). Must never move an entry.

use super::{interface::Policy, list::List};

/// One bit an entry, and a hand that stays where it last evicted.
pub struct Sieve {
    list: List,
    limit: u64,
    asked: Vec<bool>,
    hand: Option<u32>,
}

impl Sieve {
    /// Holds `limit`.
    pub fn new(limit: u64, keys: usize) -> Self {
        Self { list: List::new(keys), limit, asked: vec![false; keys], hand: None }
    }
}

impl Policy for Sieve {
    fn request(&mut self, key: u32, weight: u32) -> bool {
        if self.list.holds(key) {
            self.asked[key as usize] = true;
            return true;
        }
        let (asked, hand) = (&mut self.asked, &mut self.hand);
        self.list.admit(key, weight, self.limit, |list| {
            while let Some(key) = hand.or_else(|| list.back()) {
                *hand = list.newer(key);
                if !std::mem::take(&mut asked[key as usize]) {
                    list.remove(key);
                    return;
                }
            }
        });
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hand_goes_on_from_where_it_evicted_last() {
        let mut sieve = Sieve::new(3, 6);
        for key in [0, 1, 2, 0, 3, 4] {
            sieve.request(key, 1);
        }
        let held: Vec<u32> = (0..6).filter(|&key| sieve.list.holds(key)).collect();
        assert_eq!(held, [0, 3, 4]);
        sieve.request(5, 1);
        assert!(!sieve.list.holds(3) && sieve.list.holds(0));
    }
}
