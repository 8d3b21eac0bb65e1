//! Keeping the cache bounded without shared memory.
//!
//! Nothing is known of its size or of reads. So now and then a writer reads a few pages at random, takes them for the
//! whole table, and removes the oldest entries it has read: of the whole cache, and of the namespaces with limits of
//! their own. Owns this sample, and the removal on its pages; `rules::sample` says when, and how many. Must never wait,
//! nor claim to be exact: a namespace with rows on few pages is rarely seen, so its limit holds roughly.

use super::entries::{self, Entries};
use super::evictor;
use super::references::{References, place_of};
use crate::catalog::{ExtensionTables, column};
use crate::evict::{growth::footprint, pending::Outlook};
use crate::heap::{Row, upkeep};
use crate::pg::{Timestamp, backend, clock};
use crate::{entry::written_at, namespaces, settings, wake};
use cache_pg_rules::key::Key;
use cache_pg_rules::limit::{Held, Limits};
use cache_pg_rules::sample::{self, Cut, Seen};
use pgrx::pg_sys::{self, BlockNumber};
use std::collections::HashMap;

/// How many pages a sample has.
const SAMPLE_PAGES: u32 = 32;

/// Whether the transaction, which has added this much, is to take a sample.
pub fn is_due(outlook: Outlook) -> bool {
    let added = Held { entries: outlook.added, bytes: outlook.bytes };
    let limits = settings::limits();
    let likelihood = sample::likelihood(added, limits);
    (limits.any() || outlook.has_limits) && (likelihood >= 1.0 || backend::chance() < likelihood)
}

/// Takes a sample, and removes the excess.
pub fn evict(tables: &ExtensionTables, entries: &Entries, added: u64) {
    let pages = entries.pages();
    if pages == 0 {
        return;
    }
    let chosen = entries::sample(pages, SAMPLE_PAGES);
    let mut all: Vec<Seen> = Vec::new();
    let mut limited: HashMap<String, (Limits, Vec<Seen>)> = HashMap::new();
    for &page in &chosen {
        entries.survey(page, |key, written_at, bytes| {
            let seen = (written_at.0, bytes);
            all.push(seen);
            let namespace = key.namespace();
            let limits = namespaces::limits(tables, namespace);
            if limits.any() {
                limited.entry(namespace.as_str().to_owned()).or_insert((limits, Vec::new())).1.push(seen);
            }
        });
    }
    let cut = |seen, limits| sample::cut(seen, chosen.len() as u64, pages.into(), limits, added);
    let mut all = cut(all, settings::limits());
    let mut own: HashMap<String, Cut> =
        limited.into_iter().filter_map(|(name, (limits, seen))| Some((name, cut(seen, limits)?))).collect();
    if all.is_none() && own.is_empty() {
        return;
    }
    for &page in &chosen {
        entries.remove(page, evictor::record_eviction, |key, written_at| {
            let own = own.get_mut(key.namespace().as_str());
            let is_to_go = |cut: &&mut Cut| cut.most > 0 && written_at.0 <= cut.until;
            let cuts: Vec<&mut Cut> = all.as_mut().into_iter().chain(own).filter(is_to_go).collect();
            let goes = !cuts.is_empty();
            cuts.into_iter().for_each(|cut| cut.most -= 1);
            goes
        });
    }
}

impl Entries<'_> {
    /// Calls `see` with each live entry of a page: its key, the time of its write, and its bytes.
    fn survey(&self, page: BlockNumber, mut see: impl FnMut(Key, Timestamp, u64)) {
        let now = clock::now();
        self.each_entry(page, now, |row, _| {
            if let Some(key) = row.text(column::KEY).and_then(|key| Key::parse(key).ok()) {
                see(key, written_at(row, now), footprint(row));
            }
        });
    }

    /// Removes the entries of a page that `goes` chooses by key and time of their write, and calls `count` with each.
    fn remove(
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
                is_chosen && upkeep::remove(self.relation, row, pg_sys::GetActiveSnapshot(), unreferenced.is_some())
            };
            if goes {
                wake::at_end(key.as_str());
                count(key, row, now);
            }
        });
    }
}
