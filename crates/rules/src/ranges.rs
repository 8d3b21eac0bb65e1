//! Owns the ranges of pages into which a table is divided, so that the sweeper need not read where nothing expires.
//!
//! A table has at most [`RANGES`] ranges, whatever its size: they start at [`SMALLEST`] pages and double as the table
//! grows. This file holds their arithmetic, the time by which a range must be read, and where a transaction has
//! written. Must never call a range quiet that is not: every doubt is a reason to read.

use std::time::Duration;

/// The most ranges of a table.
pub const RANGES: usize = 512;
/// Pages of the smallest range: half a megabyte, or some thousand small entries.
pub const SMALLEST: u32 = 1 << SMALLEST_BITS;
const SMALLEST_BITS: u8 = 6;
/// A range of this size reaches beyond the last page that a table can have.
const LARGEST_BITS: u8 = 32 - RANGES.trailing_zeros() as u8;

/// The time for reading a range of which nothing is known: now.
pub const UNKNOWN: i64 = i64::MIN;

/// The size of a table's ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale(u8);

impl Scale {
    /// The smallest ranges that cover a table of `pages` pages.
    pub fn for_pages(pages: u32) -> Self {
        let mut scale = Self(SMALLEST_BITS);
        while !scale.covers(pages) {
            scale.0 += 1;
        }
        scale
    }

    /// Whether the ranges cover a table of `pages` pages.
    pub fn covers(self, pages: u32) -> bool {
        u64::from(pages) <= (RANGES as u64) << self.0
    }

    /// The range of a page; None: the page lies beyond the last range.
    pub fn range_of(self, page: u32) -> Option<usize> {
        Some((page >> self.0) as usize).filter(|&range| range < RANGES)
    }

    /// Whether a range starts with this page.
    pub fn starts_at(self, page: u32) -> bool {
        page.trailing_zeros() >= u32::from(self.0)
    }

    /// The first page after the range of `page`.
    pub fn end_of(self, page: u32) -> u32 {
        (page >> self.0).saturating_add(1).saturating_mul(1 << self.0)
    }

    /// As a number, for a word in shared memory.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// From a number; an invalid one becomes the nearest valid one.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits.clamp(SMALLEST_BITS, LARGEST_BITS))
    }
}

/// The time by which a range must be read again that is read at `now`, whatever it holds: a sweeper that comes round
/// every `interval` then finds rows that COMMIT PREPARED has brought in about `longest` later.
pub fn at_latest(now: i64, longest: Duration, interval: Duration) -> i64 {
    now.saturating_add(longest.saturating_sub(interval).as_micros() as i64)
}

/// Where a transaction has written, and the earliest deadline that it has written there.
#[derive(Debug)]
pub struct Notes {
    /// By the smallest ranges, because the scale may change until the commit.
    noted: Vec<(u32, i64)>,
    /// Whether it has also written in unknown places.
    anywhere: bool,
}

impl Notes {
    /// How many places are remembered one by one.
    pub const MOST: usize = 512;

    /// The notes of a transaction that has written nothing.
    pub const fn new() -> Self {
        Self { noted: Vec::new(), anywhere: false }
    }

    /// Notes a row with this deadline in this page.
    pub fn add(&mut self, page: u32, deadline: i64) {
        if self.anywhere {
            return;
        }
        let place = page >> SMALLEST_BITS;
        if let Some((_, earliest)) = self.noted.iter_mut().find(|(noted, _)| *noted == place) {
            *earliest = deadline.min(*earliest);
        } else if self.noted.len() < Self::MOST {
            self.noted.push((place, deadline));
        } else {
            self.add_anywhere();
        }
    }

    /// Notes a row in an unknown place.
    pub fn add_anywhere(&mut self) {
        self.anywhere = true;
    }

    /// Whether rows were written in unknown places.
    pub fn is_anywhere(&self) -> bool {
        self.anywhere
    }

    /// A page of each place, with the earliest deadline there.
    pub fn places(&self) -> impl Iterator<Item = (u32, i64)> {
        self.noted.iter().map(|&(place, deadline)| (place << SMALLEST_BITS, deadline))
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.noted.clear();
        self.anywhere = false;
    }
}

impl Default for Notes {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_start_small_and_double_as_the_table_grows() {
        let bits = |pages| Scale::for_pages(pages).bits();
        let smallest = SMALLEST * RANGES as u32;
        assert_eq!([bits(0), bits(1), bits(smallest)], [SMALLEST_BITS; 3]);
        assert_eq!([bits(smallest + 1), bits(2 * smallest), bits(2 * smallest + 1)], [7, 7, 8]);
        assert_eq!(bits(u32::MAX), LARGEST_BITS);
    }

    #[test]
    fn a_range_is_read_within_the_longest_time_and_in_every_turn_where_turns_take_longer() {
        let minute = Duration::from_secs(60);
        assert_eq!(at_latest(7, minute, Duration::from_secs(10)), 7 + 50_000_000);
        assert_eq!(at_latest(7, minute, Duration::from_secs(120)), 7);
    }

    #[test]
    fn a_transaction_that_writes_in_too_many_places_has_written_anywhere() {
        let mut notes = Notes::new();
        (0..Notes::MOST as u32).for_each(|place| notes.add(place * SMALLEST, 1));
        notes.add(5, 0);
        assert!(!notes.is_anywhere());
        assert_eq!(notes.places().next(), Some((0, 0)));
        notes.add(Notes::MOST as u32 * SMALLEST, 1);
        assert!(notes.is_anywhere());
        notes.clear();
        assert!(!notes.is_anywhere() && notes.places().next().is_none());
    }

    proptest! {
        #[test]
        fn every_page_of_a_table_lies_in_one_range(pages in 1_u32.., chance in 0.0..1.0_f64) {
            let scale = Scale::for_pages(pages);
            let page = (f64::from(pages - 1) * chance) as u32;
            let range = scale.range_of(page);
            prop_assert!(range.is_some());
            let end = scale.end_of(page);
            prop_assert!(end > page);
            prop_assert!(end == u32::MAX || scale.starts_at(end));
            prop_assert_eq!(scale.range_of(end - 1), range);
            prop_assert!(end == u32::MAX || scale.range_of(end) != range);
        }

        #[test]
        fn the_walk_from_range_to_range_gets_to_the_end_in_as_many_steps_as_there_are_ranges(pages in 1_u32..) {
            let scale = Scale::for_pages(pages);
            let steps = std::iter::successors(Some(0), |&page| Some(scale.end_of(page)).filter(|&end| end < pages));
            prop_assert!(steps.count() <= RANGES);
        }

        #[test]
        fn what_was_noted_is_found_in_the_range_of_its_page_at_any_scale(
            rows in prop::collection::vec((any::<u32>(), any::<i64>()), 0..600), bits: u8,
        ) {
            let scale = Scale::from_bits(bits);
            let mut notes = Notes::new();
            rows.iter().for_each(|&(page, deadline)| notes.add(page, deadline));
            for (page, deadline) in rows {
                let range = scale.range_of(page);
                let mut places = notes.places();
                let found = places.any(|(place, earliest)| scale.range_of(place) == range && earliest <= deadline);
                prop_assert!(found || notes.is_anywhere());
            }
        }
    }
}
