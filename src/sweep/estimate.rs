//! Setting the gauges right by a sample of pages.
//!
//! Must never take longer than a look at some pages.

use super::entries::Entries;
use crate::catalog::column;
use crate::evict::growth::footprint;
use crate::evict::pending;
use crate::pg::{backend, clock};
use crate::stats::census::{self, Rows};
use crate::stats::memory::{self, Tally};
use cache_pg_rules::ledger::Change;
use cache_pg_rules::sample::Looked;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::Ordering;

/// From how many pages an estimate is made: that takes about a millisecond, once.
const SAMPLE: u32 = 128;
/// What was counted may differ from what is said by this part of it, and by so many entries: others write meanwhile.
const EXACT: u64 = 64;
/// The bytes of an entry that is large.
const LARGE: u64 = 1024;

/// About how many entries there are, by tally.
struct Estimate {
    sums: HashMap<*const Tally, Change>,
    /// On how many pages of how many this was seen.
    looked: Looked,
}

impl Estimate {
    /// Those of one tally.
    fn of(&self, tally: &'static Tally) -> Change {
        self.sums.get(&std::ptr::from_ref(tally)).copied().unwrap_or_default()
    }
}

impl Entries<'_> {
    /// About how many entries there are of each tally, by a look at so many pages. Under the active snapshot.
    fn estimate(&self, sample: u32) -> Estimate {
        let pages = self.pages();
        let chosen: BTreeSet<u32> = if pages <= sample {
            (0..pages).collect()
        } else {
            // One of each part of the table: its parts may be filled differently.
            let nth = |part: u32| {
                (u64::from(part) * u64::from(pages) + backend::random() % u64::from(pages)) / u64::from(sample)
            };
            (0..sample).map(|part| nth(part) as u32).collect()
        };
        let (mut rows, mut sums) = (Rows::default(), HashMap::<_, Change>::new());
        for &page in &chosen {
            self.each_entry(page, clock::now(), |row, _| {
                if let Some(tally) = row.text(column::KEY).and_then(|key| rows.of(key)) {
                    let one = Change { entries: 1, bytes: footprint(row) as i64 };
                    let sum = sums.entry(std::ptr::from_ref(tally)).or_default();
                    *sum = sum.and(one);
                }
            });
        }
        let of_all = |seen: i64| seen * i64::from(pages) / chosen.len().max(1) as i64;
        let seen = sums.values().map(|sum| sum.entries.max(0) as u64).sum();
        for sum in sums.values_mut() {
            *sum = Change { entries: of_all(sum.entries), bytes: of_all(sum.bytes) };
        }
        Estimate { sums, looked: Looked { seen, read: chosen.len() as u64, pages: pages.into() } }
    }
}

/// Estimates what there is, unless that is known. What the current transaction has added is left out, because it is
/// added at the commit. Under a snapshot of now.
pub fn get_to_know(entries: &Entries) {
    let Some(area) = memory::area() else { return };
    let (file, known) = (entries.file().to_u32(), area.file.load(Ordering::Relaxed));
    if known == file {
        return;
    }
    let found = entries.estimate(SAMPLE);
    area.table.store(entries.table().to_u32(), Ordering::Relaxed);
    // Others may estimate at the same time: one of them is believed.
    if area.file.compare_exchange(known, file, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        learn(&found);
    }
}

fn learn(found: &Estimate) {
    census::learn(|tally| {
        let (found, own) = (found.of(tally), pending::change_of(tally));
        Change { entries: found.entries - own.entries, bytes: found.bytes - own.bytes }
    });
}

/// Whether the gauges say more than there is, as prepared transactions that are rolled back make them; then they are
/// set right, for nobody's entries are to go for what is not there. Where not all pages are read, only the number of
/// all entries tells. Under a snapshot of now.
pub fn correct_overstated(entries: &Entries) -> bool {
    let Some(area) = memory::area() else { return false };
    let found = entries.estimate(SAMPLE);
    let is_overstated = if found.looked.is_whole() {
        memory::tallies().any(|tally| {
            let (said, there) = (pending::held_of(tally), found.of(tally));
            is_more(said.entries, there.entries, 1) || is_more(said.bytes, there.bytes, LARGE)
        })
    } else {
        found.looked.contradicts(pending::held(area).entries)
    };
    if is_overstated {
        learn(&found);
    }
    is_overstated
}

fn is_more(said: u64, there: i64, one: u64) -> bool {
    said - said / EXACT > there.max(0) as u64 + EXACT * one
}
