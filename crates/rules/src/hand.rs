//! Owns the page on which eviction goes on, and where its turn ends.
//!
//! A turn ends where the table ended when the turn began. Otherwise, while writers append pages as fast as the hand
//! evicts, the hand would follow them, and evict the newest entries while old ones stay. Pages that are appended during
//! a turn are met in the next one. Must never be a count of all pages that were met: the remainder of a count jumps
//! when the table grows.

/// The position of the hand. All zero: at the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hand {
    /// The next page.
    page: u32,
    /// The number of pages of the turn; 0: as many as the table has.
    end: u32,
}

impl Hand {
    /// At a page, in a turn that ends with the table.
    pub fn at(page: u32) -> Self {
        Self { page, end: 0 }
    }

    /// From a word in shared memory. Every word is valid.
    pub fn from_bits(bits: u64) -> Self {
        Self { page: bits as u32, end: (bits >> 32) as u32 }
    }

    /// As a word for shared memory.
    pub fn bits(self) -> u64 {
        u64::from(self.end) << 32 | u64::from(self.page)
    }

    /// The next page.
    pub fn page(self) -> u32 {
        self.page
    }

    /// The page to be met now in a table of so many pages, and the position behind it.
    pub fn pass(self, pages: u32) -> (u32, Self) {
        let end = if self.end == 0 { pages } else { self.end.min(pages) };
        let (page, end) = if self.page < end { (self.page, end) } else { (0, pages) };
        (page, Self { page: page.saturating_add(1), end })
    }
}

#[cfg(test)]
mod tests {
    use super::Hand;
    use proptest::prelude::*;

    /// The pages that the hand meets while the table has these numbers of pages.
    fn met(mut hand: Hand, pages: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let meet = |pages| {
            let (page, behind) = hand.pass(pages);
            hand = Hand::from_bits(behind.bits());
            page
        };
        pages.into_iter().map(meet).collect()
    }

    #[test]
    fn the_hand_goes_round() {
        assert_eq!(met(Hand::default(), [3; 7]), [0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(met(Hand::at(2), [3; 3]), [2, 0, 1]);
    }

    #[test]
    fn it_does_not_follow_writers_that_append_a_page_for_each_that_it_meets() {
        assert_eq!(met(Hand::default(), 3..11), [0, 1, 2, 0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_table_that_has_become_smaller_is_met_from_its_beginning() {
        assert_eq!(met(Hand::default(), [9, 9, 9, 2, 2, 2]), [0, 1, 2, 0, 1, 0]);
        assert_eq!(met(Hand::at(7), [2, 2, 2]), [0, 1, 0]);
        assert_eq!(met(Hand::at(1), [0, 0, 1]), [0, 0, 0]);
    }

    proptest! {
        #[test]
        fn whatever_the_word_it_meets_every_page_there_was_at_the_end_of_its_turn(bits: u64, pages in 1..99_u32) {
            let mut met = met(Hand::from_bits(bits), std::iter::repeat_n(pages, 2 * pages as usize));
            met.sort_unstable();
            met.dedup();
            prop_assert_eq!(met, (0..pages).collect::<Vec<_>>());
        }
    }
}
