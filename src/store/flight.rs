//! Single flight: which keys are being computed, and which fills are being stored.
//!
//! Owns the advisory locks of the cache. One for each key: `cache_get_or_set` holds it while it computes the value. One
//! for each namespace and one for the whole cache: a fill holds both while it writes its row, and a clear waits for
//! them. The last field of their tags tells them from the advisory locks of users. Their numbers are keyed hashes,
//! because `pg_locks` shows them to every role. Must never wait for a lock in order to store a value. Waiting for a
//! value uses [`crate::wake`] and no lock, so it cannot deadlock.

use super::types::LeaseOutcome;
use crate::heap::{FullXid, NO_XID, Row, Scan, Table, View, snapshot};
use crate::{catalog::column, patience, pg::backend, shared::secret};
use cache_pg_rules::{key::Key, namespace::Namespace};
use pgrx::pg_sys::{self, LOCKMODE, LOCKTAG, LockAcquireResult};
use std::cell::Cell;

/// The lock of a key. In this field the advisory locks of users have 1 or 2.
const KEY_LOCK: u16 = 0xCAC0;
/// The lock of the fills of all namespaces.
const ALL_FILLS_LOCK: u16 = 0xCAC1;
/// The lock of the fills of one namespace.
const FILLS_LOCK: u16 = 0xCAC2;

/// How many namespaces a transaction bars one by one. It is a quarter of the locks that a transaction may take on
/// average (`max_locks_per_transaction`).
const MOST_BARRED: u32 = 16;

thread_local! {
    /// The last transaction of this backend that barred fills, and how many locks it took for that.
    static BARRED: Cell<(FullXid, u32)> = const { Cell::new((NO_XID, 0)) };
}

/// Claims the computation of a key for this transaction, unless another transaction has the claim. Ended by
/// [`release`].
pub fn claim(key: Key) -> bool {
    try_lock(&tag(KEY_LOCK, key.as_str()), pg_sys::ExclusiveLock)
}

/// Gives the claim back.
pub fn release(key: Key) {
    unlock(&tag(KEY_LOCK, key.as_str()), pg_sys::ExclusiveLock);
}

/// Announces that a computed value of the key is about to be stored. False: a transaction clears the namespace, or the
/// whole cache. Ended by [`end_fill`].
pub fn begin_fill(key: Key) -> bool {
    let [all, one] = fill_locks(key.namespace());
    if !try_lock(&all, pg_sys::RowExclusiveLock) {
        return false;
    }
    let begun = try_lock(&one, pg_sys::RowExclusiveLock);
    if !begun {
        unlock(&all, pg_sys::RowExclusiveLock);
    }
    begun
}

/// The row is in the table and its index. A clear that begins now finds it.
pub fn end_fill(key: Key) {
    fill_locks(key.namespace()).iter().for_each(|tag| unlock(tag, pg_sys::RowExclusiveLock));
}

/// Whether another open transaction has written a computed value or a lease into the row of the key. Then a caller
/// computes it, or just did. A delete is no reason to wait.
pub fn is_being_computed(table: &Table, key: Key) -> bool {
    let is_computed = |row: &Row| row.has(column::LOAD_US) || row.has(column::LEASE_ID);
    Scan::finds(table, View::Everything, key.as_str(), |row| row.is_uncommitted_of_others() && is_computed(row))
}

/// The answer to a request for a lease on a row that another transaction holds.
pub fn outcome_on_held_row<T>(table: &Table, key: Key) -> LeaseOutcome<T> {
    if is_being_computed(table, key) { LeaseOutcome::Taken(patience::soon()) } else { LeaseOutcome::Blocked }
}

/// Bars fills of a namespace, or all fills, until the end of this transaction, and waits for the fills that are under
/// way. Clears do not wait for each other. A transaction that clears many namespaces bars all fills, because the lock
/// table of the server is small.
pub fn bar_fills(namespace: Option<Namespace>) {
    let version = snapshot::current();
    let barred = BARRED.get().1 * u32::from(BARRED.get().0 == version);
    let all = || tag(ALL_FILLS_LOCK, "");
    let of = |namespace: Namespace| tag(FILLS_LOCK, namespace.as_str());
    let tag = namespace.filter(|_| barred < MOST_BARRED).map_or_else(all, of);
    // SAFETY: a lock of the transaction; an error or the end of the transaction releases it.
    let result = unsafe { pg_sys::LockAcquire(&tag, pg_sys::ShareLock as LOCKMODE, false, false) };
    if result == LockAcquireResult::LOCKACQUIRE_OK {
        BARRED.set((version, barred + 1));
    }
}

fn fill_locks(namespace: Namespace) -> [LOCKTAG; 2] {
    [tag(ALL_FILLS_LOCK, ""), tag(FILLS_LOCK, namespace.as_str())]
}

/// Takes a lock without waiting for it; false if another transaction holds a conflicting lock.
fn try_lock(tag: &LOCKTAG, mode: u32) -> bool {
    // SAFETY: a lock of the transaction; an error or the end of the transaction releases it.
    let result = unsafe { pg_sys::LockAcquire(tag, mode as LOCKMODE, false, true) };
    result != LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}

fn unlock(tag: &LOCKTAG, mode: u32) {
    // SAFETY: the lock was taken by `try_lock`.
    unsafe { pg_sys::LockRelease(tag, mode as LOCKMODE, false) };
}

/// The lock of this database for a kind and a name.
fn tag(kind: u16, name: &str) -> LOCKTAG {
    let database = backend::database().to_u32();
    let number =
        secret::of_locks().number(&[database.to_le_bytes().as_slice(), &kind.to_le_bytes(), name.as_bytes()].concat());
    LOCKTAG {
        locktag_field1: database,
        locktag_field2: (number >> 32) as u32,
        locktag_field3: number as u32,
        locktag_field4: kind,
        locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
        locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
    }
}
