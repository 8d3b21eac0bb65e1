//! Correcting the gauges by a sample of pages.
//!
//! Owns the estimate. Must never read more than a fixed number of pages.

use super::entries::{self, Entries};
use crate::evict::{growth::footprint, pending};
use crate::stats::{DatabaseStats, NamespaceStats, StatsOfRows, turns};
use crate::{catalog::column, pg::clock};
use cache_pg_rules::{ledger::Change, sample::Looked};
use std::{collections::HashMap, sync::atomic::Ordering};

/// How many pages an estimate reads. That takes about a millisecond, once.
const SAMPLE_PAGES: u32 = 128;
/// The tolerance between the gauge and the estimate: this part of the gauge, and this many entries. Other backends
/// write meanwhile.
const TOLERANCE: u64 = 64;
/// The bytes of a large entry.
const LARGE_ENTRY: u64 = 1024;

/// About how many entries each namespace has.
struct Estimate {
    sums: HashMap<*const NamespaceStats, Change>,
    /// How many of the pages were read, and how many entries they had.
    looked: Looked,
}

impl Estimate {
    /// The estimate for one namespace.
    fn of(&self, stats: &'static NamespaceStats) -> Change {
        self.sums.get(&std::ptr::from_ref(stats)).copied().unwrap_or_default()
    }
}

impl Entries<'_> {
    /// Estimates the entries of each namespace from at most this many pages, under the active snapshot.
    fn estimate(&self, most: u32) -> Estimate {
        let pages = self.pages();
        let chosen = entries::sample(pages, most);
        let (mut rows, mut sums) = (StatsOfRows::default(), HashMap::<_, Change>::new());
        for &page in &chosen {
            self.each_entry(page, clock::now(), |row, _| {
                if let Some(stats) = row.text(column::KEY).and_then(|key| rows.of(key)) {
                    let one = Change { entries: 1, bytes: footprint(row) as i64 };
                    let sum = sums.entry(std::ptr::from_ref(stats)).or_default();
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

/// Estimates what the table holds, unless the gauges belong to its file. The changes of the current transaction are
/// left out, because its commit adds them. Needs a new snapshot.
pub fn estimate_if_unknown(entries: &Entries) {
    let Some(database) = DatabaseStats::mine() else { return };
    let (file, known) = (entries.file().to_u32(), database.file.load(Ordering::Relaxed));
    if known == file {
        return;
    }
    let found = entries.estimate(SAMPLE_PAGES);
    database.table.store(entries.table().to_u32(), Ordering::Relaxed);
    // Other backends may estimate at the same time. The first one counts.
    if database.file.compare_exchange(known, file, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        apply(&found);
    }
}

fn apply(found: &Estimate) {
    turns::set_gauges(|stats| {
        let (found, own) = (found.of(stats), pending::change_of(stats));
        Change { entries: found.entries - own.entries, bytes: found.bytes - own.bytes }
    });
}

/// Corrects the gauges if they say more than there is, so that no entry is evicted for entries that do not exist. A
/// prepared transaction that is rolled back leaves such gauges. If only a part of the pages is read, only the total
/// number of entries is compared. Needs a new snapshot. Returns whether it corrected them.
pub fn correct_overstated(entries: &Entries) -> bool {
    let Some(database) = DatabaseStats::mine() else { return false };
    let found = entries.estimate(SAMPLE_PAGES);
    let is_overstated = if found.looked.is_whole() {
        NamespaceStats::all().any(|stats| {
            let (said, there) = (pending::held_of(stats), found.of(stats));
            exceeds(said.entries, there.entries, 1) || exceeds(said.bytes, there.bytes, LARGE_ENTRY)
        })
    } else {
        found.looked.contradicts(pending::held(database).entries)
    };
    if is_overstated {
        apply(&found);
    }
    is_overstated
}

fn exceeds(said: u64, there: i64, one: u64) -> bool {
    said - said / TOLERANCE > there.max(0) as u64 + TOLERANCE * one
}
