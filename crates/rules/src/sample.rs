//! Owns eviction without counts: a sample of pages stands for the whole table.
//!
//! It decides when a backend takes a sample, and how many of the entries in it go. Chance decides when, so that many
//! backends that each add little sample as often as one that adds as much. Must never remove an entry where the sample
//! shows that there is room.

use super::limit::{Held, Limits};

/// How many entries are added between two samples, on average.
const EVERY: f64 = 32.0;
/// How many samples are taken, at least, while as many bytes are added as the limit allows.
const PARTS: f64 = 16.0;
/// How many entries go for each that is added.
const FOR_EACH: u64 = 2;
/// The most entries that one sample removes.
const MOST: u64 = 1000;

/// The probability that a backend takes a sample after it has added `added`.
pub fn likelihood(added: Held, limits: Limits) -> f64 {
    let by_bytes = limits.bytes.map_or(0.0, |limit| added.bytes as f64 * PARTS / limit.most() as f64);
    (added.entries as f64 / EVERY + by_bytes).min(1.0)
}

/// An entry in the sample: when it was written, and its bytes.
pub type Seen = (i64, u64);

/// The entries of the sample that must go, the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Those that were written until this time,
    pub until: i64,
    /// and at most so many.
    pub most: u64,
}

/// What a backend that has added `added` entries must remove, where it saw the entries `seen` on `looked` of `pages`
/// pages; None: there is room.
pub fn cut(mut seen: Vec<Seen>, looked: u64, pages: u64, limits: Limits, added: u64) -> Option<Cut> {
    let of_all = |seen: u64| (u128::from(seen) * u128::from(pages) / u128::from(looked.max(1))) as u64;
    let (entries, bytes) = (seen.len() as u64, seen.iter().map(|&(_, bytes)| bytes).sum());
    let held = Held { entries: of_all(entries), bytes: of_all(bytes) };
    if !limits.are_reached(held) {
        return None;
    }
    seen.sort_unstable();
    let excess = limits.excess(held);
    let mut sum = Held::default();
    let is_enough = |sum: Held| sum.entries >= excess.entries && sum.bytes >= excess.bytes;
    let wanted = seen.iter().take_while(|&&(_, bytes)| {
        let goes_on = !is_enough(sum);
        sum = Held { entries: sum.entries + 1, bytes: sum.bytes + bytes };
        goes_on
    });
    let wanted = wanted.count() as u64;
    // The share of the sample that corresponds to the table's excess, but at most half: recent entries stay unless
    // almost all are excess.
    let share = |excess: u64, held: u64| u128::from(excess) * u128::from(entries) / u128::from(held.max(1));
    let share = share(excess.entries, held.entries).max(share(excess.bytes, held.bytes)) as u64 + 1;
    // How many entries were added since the last sample, on average.
    let came = added.max(EVERY as u64);
    let most = share.max(entries / 2).max(came.saturating_mul(FOR_EACH)).min(MOST);
    let count = wanted.min(most).min(entries);
    let (until, _) = *seen.get(usize::try_from(count.checked_sub(1)?).ok()?)?;
    Some(Cut { until, most: count })
}

/// The size of a sample: `seen` entries on `read` of `pages` pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// The entries.
    pub seen: u64,
    /// The pages that were read.
    pub read: u64,
    /// How many there are.
    pub pages: u64,
}

impl Looked {
    /// Whether it is the whole table.
    pub fn is_whole(self) -> bool {
        self.read >= self.pages
    }

    /// Whether the table can hardly hold as many entries as `said`: it allows an eighth for pages that are filled
    /// differently, and four standard deviations for chance.
    pub fn contradicts(self, said: u64) -> bool {
        let seen = self.seen as f64;
        let most = (seen * 1.125 + 4.0 * (seen + 1.0).sqrt()) * self.pages as f64 / self.read.max(1) as f64;
        said as f64 > most
    }
}

#[cfg(test)]
mod tests {
    use super::super::limit::Limit;
    use super::*;
    use proptest::prelude::*;

    fn limits(entries: u64, bytes: u64) -> Limits {
        Limits { entries: Limit::new(entries), bytes: Limit::new(bytes) }
    }

    #[test]
    fn large_values_are_looked_at_at_once_and_small_ones_now_and_then() {
        let limits = limits(0, 1 << 20);
        assert_eq!(likelihood(Held { entries: 1, bytes: 1 << 16 }, limits), 1.0);
        let one = likelihood(Held { entries: 1, bytes: 100 }, limits);
        assert!(one > 1.0 / 32.0 && one < 1.0 / 16.0, "{one}");
        assert_eq!(likelihood(Held { entries: 64, bytes: 0 }, limits), 1.0);
    }

    #[test]
    fn seventeen_times_the_limit_leaves_little_of_what_is_seen() {
        let seen = (0..160).map(|number| (number, 100_000)).collect();
        let cut = cut(seen, 16, 17, limits(0, 1_000_000), 1).unwrap();
        assert!(cut.most >= 149, "{cut:?}");
    }

    proptest! {
        #[test]
        fn the_oldest_go_and_no_more_than_is_too_much_or_has_come(
            seen in proptest::collection::vec((0_i64..1000, 1_u64..10_000), 0..200),
            pages in 1_u64..1000,
            most in 1_u64..1000,
            added in 0_u64..100,
        ) {
            let (held, looked) = (seen.len() as u64 * pages / pages.min(16), pages.min(16));
            match cut(seen.clone(), looked, pages, limits(most, 0), added) {
                None => prop_assert!(held <= most),
                Some(cut) => {
                    prop_assert!(held > most - most / 32 - 1 && cut.most >= 1);
                    prop_assert!(cut.most <= (held - (most - most / 32)).max(1));
                    prop_assert!(seen.iter().filter(|(written, _)| *written <= cut.until).count() as u64 >= cut.most);
                    prop_assert!((seen.iter().filter(|(written, _)| *written < cut.until).count() as u64) < cut.most);
                }
            }
        }
    }

    #[test]
    fn a_look_contradicts_only_what_is_well_beyond_it() {
        let looked = Looked { seen: 1_000, read: 100, pages: 1_000 };
        assert!(!looked.is_whole());
        assert!(!looked.contradicts(10_000));
        assert!(!looked.contradicts(12_000));
        assert!(looked.contradicts(13_000));
        assert!(Looked { seen: 0, read: 100, pages: 1_000 }.contradicts(100));
        assert!(!Looked { seen: 0, read: 100, pages: 1_000 }.contradicts(10));
        assert!(Looked { seen: 5, read: 3, pages: 3 }.is_whole());
    }
}
