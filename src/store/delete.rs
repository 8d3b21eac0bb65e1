//! Deleting entries: a delete writes a tombstone.
//!
//! Owns tombstones. A bare DELETE would let a value that was computed before it be stored after it. A tombstone carries
//! the deleting transaction, even for a key that had no row. A delete is a blind write: it replaces the newest version
//! at every isolation level, and a change by another transaction since the caller's snapshot is no conflict. Must never
//! leave a key without a tombstone where a value or a lease was.

use super::image::{Image, is_live};
use super::{announce, fence, flight, open, range::Keys, tags, types::NewEntry};
use crate::entry::{has_value, value_of, version_of, wanted_until};
use crate::heap::{Contention, Row, Table, View, snapshot};
use crate::pg::{Scratch, Timestamp, Value, clock};
use crate::{access::Access, catalog::column, error::CacheError, namespaces::Deadline, settings};
use cache_pg_rules::key::Key;
use cache_pg_rules::namespace::{KeyRange, Namespace};

/// How many leases a tombstone is kept for. So a key that is deleted often keeps its row.
const TOMBSTONE_LEASES: i64 = 2;

/// Deletes keys, in byte order; returns how many live entries it deleted.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn delete(access: &Access, mut keys: Vec<Key>) -> Result<i64, CacheError> {
    keys.sort_unstable();
    keys.dedup();
    let announced = announce::values(&access.tables, keys.iter().copied());
    if !access.writes_directly() {
        return super::statements::delete(access, &keys, tombstone_times());
    }
    open::changing(access, &announced, |table| {
        let (mut deleted, mut scratch) = (0, Scratch::new());
        for key in keys {
            pgrx::check_for_interrupts!();
            deleted += i64::from(
                scratch.run(|| write_tombstone(access, table, key, WriteTombstone::Always, |_| ()).is_some()),
            );
        }
        Ok(deleted)
    })
}

/// Deletes a key; returns its live value.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn take(access: &Access, key: Key) -> Result<Option<Value>, CacheError> {
    let announced = announce::value(&access.tables, key);
    if !access.writes_directly() {
        return super::statements::take(access, key, tombstone_times());
    }
    open::changing(access, &announced, |table| {
        Ok(write_tombstone(access, table, key, WriteTombstone::Always, value_of).flatten())
    })
}

/// Deletes every entry of a namespace, or of all, as [`clear`] does.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn clear_namespace(access: &Access, namespace: Option<Namespace>) -> Result<i64, CacheError> {
    clear(access, namespace, &KeyRange::of(namespace, None))
}

/// Deletes every entry of a range; returns how many were live. From then on values of `namespace`, or of all, that were
/// computed earlier are refused, even for keys that have no row. All keys of the range are of that namespace.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn clear(access: &Access, namespace: Option<Namespace>, range: &KeyRange) -> Result<i64, CacheError> {
    let announced = announce::namespace(&access.tables, namespace);
    tags::refuse_earlier(&access.tables, namespace)?;
    // A fill that is under way has already checked the fence. Wait for it, so that its entry is in the table before the
    // table is read.
    flight::bar_fills(namespace);
    if !access.writes_directly() {
        return super::statements::clear(access, range, tombstone_times());
    }
    open::changing(access, &announced, |table| {
        let (mut deleted, mut scratch) = (0, Scratch::new());
        let mut keys = Keys::new(range);
        while let Some(batch) = keys.next_batch(table) {
            for key in batch {
                pgrx::check_for_interrupts!();
                let Ok(key) = Key::parse(&key) else { continue };
                deleted += i64::from(
                    scratch.run(|| write_tombstone(access, table, key, WriteTombstone::IfOccupied, |_| ()).is_some()),
                );
            }
        }
        Ok(deleted)
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WriteTombstone {
    /// Even if the key has no row.
    Always,
    /// Only if the row has a value or a lease, or its key is in line to be warmed.
    IfOccupied,
}

/// Writes a tombstone; returns what `take` makes of the live entry that was deleted.
fn write_tombstone<R>(
    access: &Access,
    table: &Table,
    key: Key,
    mode: WriteTombstone,
    take: impl Fn(&Row) -> R,
) -> Option<R> {
    let version = snapshot::current();
    let deleted = open::change_entry(&access.tables, table, key, Contention::Wait, |row| {
        let tombstone = NewEntry::tombstone(key);
        let is_in_line = |row: &Row| wanted_until(row, tombstone.set_at).is_some();
        let is_occupied = row.is_some_and(|row| has_value(row) || row.has(column::LEASE_ID) || is_in_line(row));
        // A transaction that deletes a key repeatedly, such as one that changes many rows of a watched table, writes
        // one tombstone. Each further version would make the next look-up longer.
        let is_tombstone = !is_occupied && row.is_some_and(|row| version_of(row) == version);
        if is_tombstone || mode == WriteTombstone::IfOccupied && !is_occupied {
            return (None, None);
        }
        fence::mark_unseen(table, key, row, version);
        let live = row.filter(|row| is_live(&access.tables, row, tombstone.set_at, View::Latest));
        (Some(Image::entry(&tombstone, version, live, None)), live.map(&take))
    });
    deleted.flatten()
}

impl<'a> NewEntry<'a> {
    /// The tombstone of a key, written now.
    pub fn tombstone(key: Key<'a>) -> Self {
        let (now, until) = tombstone_times();
        let deadline = Deadline { expires_at: now, stale_until: Some(until), keeps: false };
        Self { key, value: None, set_at: now, deadline }
    }
}

/// The time of the call, and the time until which a tombstone written now is kept.
fn tombstone_times() -> (Timestamp, Timestamp) {
    let now = clock::now();
    (now, Timestamp(now.0.saturating_add(TOMBSTONE_LEASES * settings::lease())))
}
