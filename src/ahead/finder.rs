//! Finding the loads of a database, while the sweeper passes its entries.
//!
//! Owns what the present step of this process has found, and when a row is to be looked at again. Must never load
//! anything, nor change a row.

use super::{in_line, line, load::Load, loads, processes, warmings};
use crate::catalog::{ExtensionTables, column};
use crate::entry::{is_live_at, lease_in_force, wanted_until};
use crate::evict::recency;
use crate::heap::Row;
use crate::namespaces::{self, row_timing};
use crate::pg::{Timestamp, backend, clock};
use crate::{settings, shared::directory};
use cache_pg_rules::ahead::Timing;
use cache_pg_rules::namespace::Namespace as Name;
use cache_pg_rules::{key::Key, token::hash};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

/// How long to wait between two looks at a key that is in line to be warmed, in microseconds: a place in the line is
/// enough for all keys of a page.
pub const LOOK_AGAIN: i64 = 5_000_000;

/// How many processes load keys of one page at the same time.
const PARTS: u32 = 2;

thread_local! {
    /// The loads that the present step has found.
    static FOUND: RefCell<Vec<Load>> = const { RefCell::new(Vec::new()) };
    /// How many keys in line this process has met in the present turn, by the hash of their namespace.
    static BY_NAMESPACE: RefCell<HashMap<u64, u64>> = RefCell::new(HashMap::new());
    /// The namespaces of which it has met keys in line, by the hash of their names.
    static MET: RefCell<BTreeMap<u64, String>> = const { RefCell::new(BTreeMap::new()) };
}

/// Looks at a row that stays: an entry, or a key in line to be warmed. Returns when it must be looked at again; None:
/// its deadline comes first, or it is neither.
pub fn look(tables: &ExtensionTables, row: &Row, now: Timestamp) -> Option<i64> {
    if let Some(until) = wanted_until(row, now) {
        return look_in_line(tables, row, until, now);
    }
    if settings::max_loaders() == 0 || !recency::is_kept() {
        return None;
    }
    let (key, timing) = row_timing(tables, row)?;
    if !is_live_at(row, now) {
        return None;
    }
    let (from, step) = (timing.from(key), timing.step());
    // An entry that becomes due before the next look is due now.
    if now.0.saturating_add(step) < from {
        return Some(from);
    }
    // An entry is found if it is due for a refresh and was read since it was stored.
    if recency::is_read(key) && lease_in_force(row, now).is_none() {
        let namespace = hash(Key::parse(row.text(column::KEY)?).ok()?.namespace().as_str());
        found(Load { kind: super::load::Kind::Refresh, key, namespace, page: row.page(), timing });
    }
    Some(now.0.saturating_add(step)).filter(|&again| again < timing.expires_at)
}

/// The same for a key that is in line to be warmed.
fn look_in_line(tables: &ExtensionTables, row: &Row, until: i64, now: Timestamp) -> Option<i64> {
    let key = Key::parse(row.text(column::KEY)?).ok()?;
    // The sweeper removes a key without a loader, but not while that may be too new to be known here.
    if settings::max_loaders() == 0 || namespaces::of(tables, key).loader.is_none() {
        return Some(now.0.saturating_add(2 * LOOK_AGAIN));
    }
    let namespace = hash(key.namespace().as_str());
    let written_at = row.get(column::UPDATED_AT).map_or(now.0, |at: Timestamp| at.0);
    let read_lately = recency::is_read(hash(key.as_str()));
    let load = |part| Load::warming(namespace, (row.page(), part), read_lately, (written_at, until));
    let first = load(0);
    let is_known = FOUND.with_borrow(|found| {
        let of_page = found.iter().rev().take_while(|it| it.page == first.page);
        of_page.into_iter().any(|it| it.key == first.key)
    });
    if !is_known {
        MET.with_borrow_mut(|met| {
            met.entry(namespace).or_insert_with(|| key.namespace().as_str().into());
        });
        let usual = loads::usual_time(key.namespace()).unwrap_or(0.0) as i64;
        for part in 0..PARTS {
            let load = load(part);
            found(Load { timing: Timing { load: usual, ..load.timing }, ..load });
        }
    }
    Some(now.0.saturating_add(LOOK_AGAIN))
}

/// Looks which namespaces have keys that are to be listed. Called at the start of a turn. Returns when to look again,
/// if there are any: a listing may fail, or leave keys out.
pub fn look_for_lists(tables: &ExtensionTables, now: Timestamp) -> Option<i64> {
    BY_NAMESPACE.with_borrow_mut(HashMap::clear);
    if settings::max_loaders() == 0 {
        return None;
    }
    let due = loads::to_be_listed(tables);
    due.iter().for_each(|name| found(Load::listing(hash(name), now.0)));
    (!due.is_empty()).then(|| now.0.saturating_add(LOOK_AGAIN))
}

/// Counts a key in line. Whether there are more of its namespace than there may be entries: a call puts no more in
/// line, but there may be many calls.
pub fn is_beyond_limit(tables: &ExtensionTables, key: Key) -> bool {
    in_line::most(tables, key.namespace()).is_some_and(|most| {
        BY_NAMESPACE.with_borrow_mut(|met| {
            let met = met.entry(hash(key.namespace().as_str())).or_default();
            *met += 1;
            *met > most
        })
    })
}

fn found(load: Load) {
    FOUND.with_borrow_mut(|found| found.push(load));
}

/// Puts the found loads in line, and wakes the processes that carry them out. Called between two steps.
pub fn put_in_line() {
    let found = FOUND.take();
    if found.is_empty() {
        return;
    }
    for (namespace, name) in MET.take() {
        warmings::record_seen(namespace, Name::parse(&name).map(loads::tally).unwrap_or_default());
    }
    let added = line::add(found, clock::now().0);
    // From now on a read of such an entry tells how often it is read. One that lost its place is to be found again.
    let refreshes = |loads: &[Load]| loads.iter().filter(|it| it.is_refresh()).map(|it| it.key).collect::<Vec<_>>();
    refreshes(&added.placed).into_iter().for_each(recency::mark_unread);
    refreshes(&added.displaced).into_iter().for_each(recency::mark_read);
    if !added.placed.is_empty() {
        processes::of(backend::database()).into_iter().for_each(directory::wake);
        directory::wake(directory::look(|directory| directory.launcher).unwrap_or(0));
    }
}

/// Forgets what a step has found that was rolled back.
pub fn forget() {
    FOUND.take();
    MET.take();
}
