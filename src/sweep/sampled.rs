//! Keeping the cache bounded without shared memory.
//!
//! Nothing is known of its size or of reads. So now and then a writer reads a few pages at random, takes them for the
//! whole table, and removes the oldest entries it has read: of the whole cache, and of the namespaces with limits of
//! their own. Owns this sample; `rules::sample` says when, and how many. Must never claim to be exact: a namespace with
//! rows on few pages is rarely seen, so its limit holds roughly.

use super::{entries::Entries, evictor};
use crate::catalog::ExtensionTables;
use crate::evict::pending::Outlook;
use crate::pg::backend;
use crate::{namespaces, settings};
use cache_pg_rules::limit::{Held, Limits};
use cache_pg_rules::sample::{self, Cut, Seen};
use std::collections::{BTreeSet, HashMap};

/// How many pages a sample has: one from each part of the table, because its parts may be filled differently.
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
    let within = |part: u32| {
        let start = u64::from(part) * u64::from(pages);
        ((start + backend::random() % u64::from(pages)) / u64::from(SAMPLE_PAGES)) as u32
    };
    let chosen: BTreeSet<u32> =
        if pages <= SAMPLE_PAGES { (0..pages).collect() } else { (0..SAMPLE_PAGES).map(within).collect() };
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
