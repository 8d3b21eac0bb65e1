//! Finding the entries that are to be refreshed, while the sweeper passes them.
//!
//! Owns what the present step of this process has found, and when an entry is to be looked at again. Must never load
//! anything, nor change a row.

use super::{line, load::Load, processes};
use crate::catalog::{ExtensionTables, column};
use crate::entry::{is_live_at, lease_in_force};
use crate::evict::recency;
use crate::heap::Row;
use crate::namespaces::row_timing;
use crate::pg::{Timestamp, backend, clock};
use crate::{settings, shared::directory};
use cache_pg_rules::{key::Key, token::hash};
use std::cell::RefCell;

thread_local! {
    /// The loads that the present step has found.
    static FOUND: RefCell<Vec<Load>> = const { RefCell::new(Vec::new()) };
}

/// Looks at an entry that stays. It is found if it is due for a refresh and was read since it was stored. Returns when
/// it must be looked at again; None: its deadline comes first, or it is not one of those.
pub fn look(tables: &ExtensionTables, row: &Row, now: Timestamp) -> Option<i64> {
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
    if recency::is_read(key) && lease_in_force(row, now).is_none() {
        let namespace = hash(Key::parse(row.text(column::KEY)?).ok()?.namespace().as_str());
        let load = Load { key, namespace, page: row.page(), timing };
        FOUND.with_borrow_mut(|found| found.push(load));
    }
    Some(now.0.saturating_add(step)).filter(|&again| again < timing.expires_at)
}

/// Puts the found entries in line, and wakes the processes that load them. Called between two steps.
pub fn put_in_line() {
    let found = FOUND.take();
    if found.is_empty() {
        return;
    }
    let added = line::add(found, clock::now().0);
    // From now on a read of such an entry tells how often it is read. One that lost its place is to be found again.
    added.placed.iter().for_each(|&key| recency::mark_unread(key));
    added.displaced.iter().for_each(|&key| recency::mark_read(key));
    if !added.placed.is_empty() {
        processes::of(backend::database()).into_iter().for_each(directory::wake);
        directory::wake(directory::look(|directory| directory.launcher).unwrap_or(0));
    }
}

/// Forgets what a step has found that was rolled back.
pub fn forget() {
    FOUND.take();
}
