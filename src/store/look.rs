//! Looking up keys below the executor: by a hint, else through the index.
//!
//! Owns the order of the two ways. Must never read below the executor where a policy or rule applies: then a statement
//! answers.

use super::types::{Fresh, Look};
use super::{statements, tags};
use crate::entry::{has_possible_version, has_value, is_live_at, load_time, served_until, value_of};
use crate::heap::{Purpose, Row, Scan, Table, View, follow, hints};
use crate::pg::{Timestamp, backend, clock};
use crate::{access::Access, catalog::column, durability::with_async_commit};
use cache_pg_rules::key::Key;
use pgrx::pg_sys::Oid;
use std::cell::Cell;

/// Looks up a key in `view`.
pub fn look(access: &Access, key: Key, view: View) -> Look {
    if !access.has_rows() {
        return Look::Miss;
    }
    if !access.reads_directly() {
        return statements::look(access, key, matches!(view, View::Latest));
    }
    let now = clock::now();
    let take = |row: &Row| {
        let value = value_of(row)?;
        // `is_served` has checked the tags.
        if !is_live_at(row, now) {
            return Some(Look::Stale(value));
        }
        let expires_at = row.get(column::EXPIRES_AT).unwrap_or(now);
        Some(Look::Fresh(Fresh { value, expires_at, load_us: row.get(column::LOAD_US).and_then(load_time) }))
    };
    find(access, key, view, |row| is_served(access, row, now, view), take).unwrap_or(Look::Miss)
}

/// Whether the row has a value that may be served, at least as a stale value.
pub(super) fn is_served(access: &Access, row: &Row, now: Timestamp, view: View) -> bool {
    has_value(row) && served_until(row) > now.0 && has_possible_version(row) && tags::hold(&access.tables, row, view)
}

/// Applies `take` to the row of a key that `view` shows and `wanted` accepts. By a hint, else through the index.
pub fn find<R>(
    access: &Access,
    key: Key,
    view: View,
    wanted: impl Fn(&Row) -> bool,
    take: impl Fn(&Row) -> Option<R>,
) -> Option<R> {
    let key = key.as_str();
    let entries = access.tables.entries;
    let has_old_snapshot = backend::has_old_snapshot();
    let by_hint = matches!(view, View::Statement) && !has_old_snapshot;
    let take_wanted = |row: &Row| if wanted(row) { take(row) } else { None };
    let through_index = |table: &Table| {
        let mut scan = Scan::open(table, view);
        let row = if has_old_snapshot { scan.find_own_first(key, &wanted) } else { scan.find(key, &wanted) };
        if by_hint && row.is_some() {
            hints::record(key, scan.spot());
        }
        let found = row.and_then(|row| take(&row));
        scan.close();
        found
    };
    with_async_commit(access, || {
        let hinted = if by_hint { follow::follow(entries, key, take_wanted) } else { None };
        hinted.or_else(|| Table::by_primary_key(entries, Purpose::Read, through_index).flatten())
    })
}

/// Calls `take` with the index of each key and its row, if the calling statement sees the row and `wanted` accepts it.
/// The keys are in byte order and distinct.
pub fn find_many(access: &Access, keys: &[&str], wanted: impl Fn(&Row) -> bool, take: impl FnMut(usize, &Row)) {
    let entries = access.tables.entries;
    with_async_commit(access, || match backend::has_old_snapshot() {
        true => find_each(entries, keys, wanted, take),
        false => find_together(entries, keys, wanted, take),
    });
}

/// Looks up one key after the other through the index.
fn find_each(entries: Oid, keys: &[&str], wanted: impl Fn(&Row) -> bool, mut take: impl FnMut(usize, &Row)) {
    Table::by_primary_key(entries, Purpose::Read, |table| {
        let mut scan = Scan::open(table, View::Statement);
        for (number, key) in keys.iter().enumerate() {
            pgrx::check_for_interrupts!();
            if let Some(row) = scan.find_own_first(key, &wanted) {
                take(number, &row);
            }
        }
        scan.close();
    });
}

/// Looks up keys by hints, and the remaining keys in one index scan.
fn find_together(entries: Oid, keys: &[&str], wanted: impl Fn(&Row) -> bool, mut take: impl FnMut(usize, &Row)) {
    let found: Vec<Cell<bool>> = keys.iter().map(|_| Cell::new(false)).collect();
    let mut take_wanted = |number: usize, row: &Row| {
        let is_first = !found[number].get() && wanted(row);
        if is_first {
            found[number].set(true);
            take(number, row);
        }
        is_first
    };
    follow::follow_many(entries, keys, |number, row| {
        take_wanted(number, row);
    });
    let left: Vec<&str> = keys.iter().zip(&found).filter(|(_, found)| !found.get()).map(|(key, _)| *key).collect();
    if left.is_empty() {
        return;
    }
    Table::by_primary_key(entries, Purpose::Read, |table| {
        let mut scan = Scan::open(table, View::Statement);
        scan.seek_any(&left);
        while let Some(row) = scan.next() {
            pgrx::check_for_interrupts!();
            let Some(number) = row.text(column::KEY).and_then(|key| keys.binary_search(&key).ok()) else {
                continue;
            };
            if take_wanted(number, &row) {
                hints::record(keys[number], scan.spot());
            }
        }
        scan.close();
    });
}
