//! A look at single pages, and removing the oldest entries in them: how a cache is kept bounded where nothing is known
//! of it.
//!
//! Must never wait, as the hand does not.

use super::hand::{Entries, tid};
use super::references::{References, place_of};
use crate::backend;
use crate::clock;
use crate::datum::Timestamp;
use crate::heap::row::Row;
use crate::heap::upkeep::remove;
use crate::home::column;
use crate::stats::census::Rows;
use crate::stats::memory::Tally;
use crate::store::{footprint, may_be_evicted, tags, written_at};
use crate::wake;
use cache_pg_rules::key::Key;
use cache_pg_rules::ledger::Change;
use cache_pg_rules::sample::Looked;
use pgrx::pg_sys::{self, BlockNumber};
use std::collections::{BTreeSet, HashMap};

/// About how many entries there are, by tally.
pub struct Estimate {
    sums: HashMap<*const Tally, Change>,
    /// On how many pages of how many this was seen.
    pub looked: Looked,
}

impl Estimate {
    /// Those of one tally.
    pub fn of(&self, tally: &'static Tally) -> Change {
        self.sums.get(&std::ptr::from_ref(tally)).copied().unwrap_or_default()
    }
}

impl Entries<'_> {
    /// Hands each live entry of a page to `see`: its key, when it was written, and the bytes that it takes.
    pub fn survey(&self, page: BlockNumber, mut see: impl FnMut(Key, Timestamp, u64)) {
        let now = clock::now();
        self.each_entry(page, now, |row, _| {
            if let Some(key) = row.text(column::KEY).and_then(|key| Key::parse(key).ok()) {
                see(key, written_at(row, now), footprint(row));
            }
        });
    }

    /// About how many entries there are of each tally, by a look at so many pages. Under the active snapshot.
    pub fn estimate(&self, sample: u32) -> Estimate {
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

    /// Removes the entries of a page that `goes` says are to go, by their key and when they were written, and hands
    /// each to `count`.
    pub fn remove(
        &self,
        page: BlockNumber,
        count: impl Fn(Key, &Row, Timestamp),
        mut goes: impl FnMut(Key, Timestamp) -> bool,
    ) {
        let now = clock::now();
        let free = References::of(self.home).map(|references| {
            let mut chosen = Vec::new();
            self.each_entry(page, now, |row, tid| {
                let key = row.text(column::KEY).and_then(|key| Key::parse(key).ok());
                if let Some(key) = key.filter(|&key| goes(key, written_at(row, now))) {
                    // SAFETY: the scan stands on the row.
                    chosen.push((key.as_str().to_owned(), unsafe { *tid }, ()));
                }
            });
            self.lock_free(chosen, u32::MAX, &references)
        });
        self.each_entry(page, now, |row, tid| {
            let Some(key) = row.text(column::KEY).and_then(|key| Key::parse(key).ok()) else { return };
            // SAFETY: the row is the one that the scan stands on, and the snapshot the one that it was found under.
            let goes = unsafe {
                let is_chosen = match &free {
                    Some(free) => free.contains_key(&place_of(&*tid)),
                    None => goes(key, written_at(row, now)),
                };
                is_chosen && remove(self.relation, row, pg_sys::GetActiveSnapshot(), free.is_some())
            };
            if goes {
                wake::at_end(key);
                count(key, row, now);
            }
        });
    }

    /// Hands every tag of every row to `visit`.
    pub fn each_tag(&self, mut visit: impl FnMut(&str)) {
        let Some(last) = self.pages().checked_sub(1) else { return };
        self.each_row((0, last), |row, _| tags::of(row).for_each(|tag| visit(&tag)));
    }

    fn each_entry(&self, page: BlockNumber, now: Timestamp, mut visit: impl FnMut(&Row, pg_sys::ItemPointer)) {
        self.each_row((page, page), |row, tid| {
            if may_be_evicted(row, now) {
                visit(row, tid);
            }
        });
    }

    pub(super) fn each_row(&self, pages: (BlockNumber, BlockNumber), mut visit: impl FnMut(&Row, pg_sys::ItemPointer)) {
        let (mut least, mut greatest) = (tid(pages.0, 1), tid(pages.1, u16::MAX));
        // SAFETY: as in `Entries::walk`.
        unsafe {
            let snapshot = pg_sys::GetActiveSnapshot();
            let scan = pg_sys::table_beginscan_tidrange(self.relation, snapshot, &mut least, &mut greatest);
            let slot = pg_sys::table_slot_create(self.relation, std::ptr::null_mut());
            while pg_sys::table_scan_getnextslot_tidrange(scan, pg_sys::ScanDirection::ForwardScanDirection, slot) {
                visit(&Row::in_slot(slot), &raw mut (*slot).tts_tid);
            }
            pg_sys::ExecDropSingleTupleTableSlot(slot);
            pg_sys::table_endscan(scan);
        }
    }
}
