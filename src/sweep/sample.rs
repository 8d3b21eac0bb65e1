//! Reading single pages, and removing the oldest entries in them: how a cache without shared memory stays bounded.
//!
//! Owns the removal on one page. Must never wait.

use super::entries::Entries;
use super::references::{References, place_of};
use crate::catalog::column;
use crate::entry::written_at;
use crate::evict::growth::footprint;
use crate::heap::{Row, upkeep::remove};
use crate::pg::{Timestamp, clock};
use crate::wake;
use cache_pg_rules::key::Key;
use pgrx::pg_sys::{self, BlockNumber};

impl Entries<'_> {
    /// Calls `see` with each live entry of a page: its key, the time of its write, and its bytes.
    pub fn survey(&self, page: BlockNumber, mut see: impl FnMut(Key, Timestamp, u64)) {
        let now = clock::now();
        self.each_entry(page, now, |row, _| {
            if let Some(key) = row.text(column::KEY).and_then(|key| Key::parse(key).ok()) {
                see(key, written_at(row, now), footprint(row));
            }
        });
    }

    /// Removes the entries of a page that `goes` chooses by their key and the time of their write, and calls `count`
    /// with each.
    pub fn remove(
        &self,
        page: BlockNumber,
        count: impl Fn(Key, &Row, Timestamp),
        mut goes: impl FnMut(Key, Timestamp) -> bool,
    ) {
        let now = clock::now();
        let unreferenced = References::of(self.tables).map(|references| {
            let mut candidates = Vec::new();
            self.each_entry(page, now, |row, tid| {
                let key = row.text(column::KEY).and_then(|key| Key::parse(key).ok());
                if let Some(key) = key.filter(|&key| goes(key, written_at(row, now))) {
                    // SAFETY: the scan stands on the row.
                    candidates.push((key.as_str().to_owned(), unsafe { *tid }, ()));
                }
            });
            self.lock_unreferenced(candidates, u32::MAX, &references)
        });
        self.each_entry(page, now, |row, tid| {
            let Some(key) = row.text(column::KEY).and_then(|key| Key::parse(key).ok()) else { return };
            // SAFETY: the scan stands on the row, under this snapshot.
            let goes = unsafe {
                let is_chosen = match &unreferenced {
                    Some(unreferenced) => unreferenced.contains_key(&place_of(&*tid)),
                    None => goes(key, written_at(row, now)),
                };
                is_chosen && remove(self.relation, row, pg_sys::GetActiveSnapshot(), unreferenced.is_some())
            };
            if goes {
                wake::at_end(key);
                count(key, row, now);
            }
        });
    }
}
