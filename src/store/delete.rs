//! Deleting entries: the safe delete, which leaves a tombstone.
//!
//! A bare DELETE would let a value that was computed before it be stored after it. The tombstone carries the deleting
//! transaction, also where there was no row. A delete is blind: it buries the newest version at every isolation level,
//! and what others did to the key since the caller's snapshot is no conflict.

use super::image::{Image, is_live};
use super::range::Keys;
use super::{announce, fence, flight, open, tags};
use crate::access::Access;
use crate::catalog::column;
use crate::entry::{NEVER, version_of};
use crate::error::CacheError;
use crate::evict::growth::{self, Growth};
use crate::heap::change::{Contention, Decision, change};
use crate::heap::row::Row;
use crate::heap::scan::View;
use crate::heap::snapshot;
use crate::heap::table::Table;
use crate::pg::clock;
use crate::pg::datum::{Jsonb, Timestamp};
use crate::pg::scratch::Scratch;
use crate::settings;
use cache_pg_rules::key::Key;
use cache_pg_rules::namespace::Namespace;

/// How many leases a tombstone outlives, so that a key that is deleted often keeps its row.
const TOMBSTONE_LEASES: i64 = 2;

/// Deletes keys; returns how many live entries went. Locks them in byte order.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn delete(access: &Access, mut keys: Vec<Key>) -> Result<i64, CacheError> {
    keys.sort_unstable();
    keys.dedup();
    let announced = announce::values(&access.tables, keys.iter().copied());
    if !access.writes_directly() {
        return super::statements::delete(access, &keys, tombstone());
    }
    open::changing(access, &announced, |table| {
        let (mut gone, mut scratch) = (0, Scratch::new());
        for key in keys {
            pgrx::check_for_interrupts!();
            gone += i64::from(scratch.run(|| write_tombstone(access, table, key, Tombstone::Always, |_| ()).is_some()));
        }
        Ok(gone)
    })
}

/// Deletes a key and returns the live value that went.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn take(access: &Access, key: Key) -> Result<Option<Jsonb>, CacheError> {
    let announced = announce::value(&access.tables, key);
    if !access.writes_directly() {
        return super::statements::take(access, key, tombstone());
    }
    open::changing(access, &announced, |table| {
        Ok(write_tombstone(access, table, key, Tombstone::Always, |live| live.get::<Jsonb>(column::VALUE)).flatten())
    })
}

/// Deletes every entry of a namespace, or all; returns how many were live. Values that were computed before it are
/// refused from then on, also for keys that had no row.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn clear(access: &Access, namespace: Option<Namespace>) -> Result<i64, CacheError> {
    let announced = announce::namespace(&access.tables, namespace);
    tags::refuse_earlier(&access.tables, namespace)?;
    // Whoever stores a value just now has looked at the fence already: its entry must be there before the table is
    // read.
    flight::bar_fills(namespace);
    if !access.writes_directly() {
        return super::statements::clear(access, namespace, tombstone());
    }
    open::changing(access, &announced, |table| {
        let (mut gone, mut scratch) = (0, Scratch::new());
        let mut keys = Keys::new(namespace.map(Namespace::keys));
        while let Some(batch) = keys.next_batch(table) {
            for key in batch {
                pgrx::check_for_interrupts!();
                let Ok(key) = Key::parse(&key) else { continue };
                gone += i64::from(
                    scratch.run(|| write_tombstone(access, table, key, Tombstone::IfOccupied, |_| ()).is_some()),
                );
            }
        }
        Ok(gone)
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tombstone {
    /// Also where there is nothing.
    Always,
    /// Only where a value or a lease would be lost.
    IfOccupied,
}

/// Leaves a tombstone, and returns what `take` makes of the live entry that went.
fn write_tombstone<R>(
    access: &Access,
    table: &Table,
    key: Key,
    what: Tombstone,
    take: impl Fn(&Row) -> R,
) -> Option<R> {
    let version = snapshot::current();
    let mut growth = Growth::default();
    let gone = change(table, key.as_str(), Contention::Wait, |row| {
        growth = Growth::default();
        let (now, until) = tombstone();
        let there = row.is_some_and(|row| row.has(column::VALUE) || row.has(column::LEASE_ID));
        // A transaction that deletes a key again and again, as one that changes many rows of a watched table may,
        // leaves one tombstone: every version more would make the next look-up longer.
        let is_tombstone = !there && row.is_some_and(|row| version_of(row) == version);
        if is_tombstone || what == Tombstone::IfOccupied && !there {
            return Decision::Leave(None);
        }
        fence::mark_unseen(table, key, row, version);
        let live = row.filter(|row| is_live(&access.tables, row, now, View::Latest));
        let image = Image {
            created_at: live.map_or(NEVER, |row| Image::of(row).created_at),
            stale_until: Some(until),
            ..Image::empty(key, version, now)
        };
        growth = Growth::of(key, row, None);
        Decision::Write(image.columns(), live.map(&take))
    });
    growth::record(&access.tables, key, growth);
    gone.flatten()
}

/// The clock, and until when a tombstone stays that is written now.
fn tombstone() -> (Timestamp, Timestamp) {
    let now = clock::now();
    (now, Timestamp(now.0.saturating_add(TOMBSTONE_LEASES * settings::lease())))
}
