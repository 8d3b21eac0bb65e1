//! The keys that are in line to be warmed, as the table of entries has them.
//!
//! Owns looking them up. Must never write: `store::wanted` does.

use crate::catalog::{ExtensionTables, column};
use crate::entry::wanted_until;
use crate::heap::{Purpose, Row, Scan, Table, View};
use crate::pg::clock;
use crate::{namespaces, settings};
use cache_pg_rules::key::Key;
use cache_pg_rules::limit::Limit;
use cache_pg_rules::namespace::{KeyRange, Namespace};
use pgrx::pg_sys;

/// The bytes that a key in line takes at least, with its entry in the index.
const LEAST_BYTES: u64 = 128;

/// How many keys of a namespace may be in line: as many as it may have entries. None: any number.
pub fn most(tables: &ExtensionTables, namespace: Namespace) -> Option<u64> {
    let limits = [settings::limits(), namespaces::limits(tables, namespace)];
    let most = limits
        .into_iter()
        .flat_map(|limits| [limits.entries.map(Limit::most), limits.bytes.map(|bytes| bytes.most() / LEAST_BYTES)]);
    most.flatten().min()
}

/// How many keys of a namespace, or of all, the calling statement finds in line. None: another session has locked the
/// table, and a look must not wait for it.
pub fn count(tables: &ExtensionTables, namespace: Option<Namespace>) -> Option<u64> {
    // SAFETY: a lock by OID, to the end of the transaction.
    if !unsafe { pg_sys::ConditionalLockRelationOid(tables.entries, pg_sys::AccessShareLock as pg_sys::LOCKMODE) } {
        return None;
    }
    let mut count = 0;
    each_in_line(tables, &KeyRange::of(namespace, None), |_| {
        count += 1;
        true
    });
    Some(count)
}

/// The first `most` keys in line of a namespace, or of all, that come after `after` in byte order. The caller has
/// locked the table.
pub fn first(tables: &ExtensionTables, namespace: Option<Namespace>, after: Option<&str>, most: usize) -> Vec<String> {
    let mut range = KeyRange::of(namespace, None);
    if let Some(after) = after {
        // The least text after it. No key contains this character.
        range.from = format!("{after}\u{1}");
    }
    let mut found = Vec::new();
    each_in_line(tables, &range, |key| {
        found.push(key.to_owned());
        found.len() < most
    });
    found
}

/// Calls `visit` with the keys of a range that the calling statement finds in line, until it returns false.
fn each_in_line(tables: &ExtensionTables, range: &KeyRange, mut visit: impl FnMut(&str) -> bool) {
    Table::by_primary_key(tables.entries, Purpose::Read, |table| {
        let (now, mut scan) = (clock::now(), Scan::open_range(table, View::Statement));
        scan.seek_range(&range.from, &range.before);
        while let Some(row) = scan.next() {
            pgrx::check_for_interrupts!();
            if wanted_until(&row, now).is_none() {
                continue;
            }
            let Some(key) = row.text(column::KEY).and_then(|key| Key::parse(key).ok()) else { continue };
            if range.contains(key) && !visit(key.as_str()) {
                break;
            }
        }
        scan.close();
    });
}

/// What `take` makes of the row of a key that the calling statement finds in line. None: it is not in line. The caller
/// has locked the table.
pub fn find<R>(tables: &ExtensionTables, key: Key, take: impl Fn(&Row) -> R) -> Option<R> {
    Table::by_primary_key(tables.entries, Purpose::Read, |table| {
        let (now, mut scan) = (clock::now(), Scan::open(table, View::Statement));
        let found = scan.find(key.as_str(), |row| wanted_until(row, now).is_some()).map(|row| take(&row));
        scan.close();
        found
    })
    .flatten()
}
