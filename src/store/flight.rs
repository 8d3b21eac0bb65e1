//! Who is computing or storing a value right now.
//!
//! Owns the advisory locks of the cache, which nobody ever waits for in order to store a value: one for each key, held
//! while `cache_get_or_set` computes it; one for each namespace and one for the whole cache, held while a row is
//! written, which a clear waits for. They are told from the locks of users by the last field of their tag. Their
//! numbers tell nobody about keys: `pg_locks` shows them to every role. Waiting for a value is [`crate::wake`]'s, and
//! no lock: so it cannot deadlock.

use super::types::Claim;
use crate::catalog::column;
use crate::heap::row::Row;
use crate::heap::scan::{Scan, View};
use crate::heap::snapshot::{self, FullXid, NO_XID};
use crate::heap::table::Table;
use crate::patience;
use crate::pg::backend;
use crate::shared::secret;
use cache_pg_rules::key::Key;
use cache_pg_rules::namespace::Namespace;
use pgrx::pg_sys::{self, LOCKMODE, LOCKTAG, LockAcquireResult};
use std::cell::Cell;

/// Advisory locks of users have 1 or 2 here.
const OF_KEYS: u16 = 0xCAC0;
/// Fills of any namespace.
const OF_ALL_FILLS: u16 = 0xCAC1;
/// Fills of one namespace.
const OF_FILLS: u16 = 0xCAC2;

/// Of how many namespaces a transaction keeps the fills out one by one: a quarter of what a transaction may lock on
/// average (`max_locks_per_transaction`).
const MOST_BARRED: u32 = 16;

thread_local! {
    /// The transaction that last kept fills out, and how many locks it has taken for that.
    static BARRED: Cell<(FullXid, u32)> = const { Cell::new((NO_XID, 0)) };
}

/// Claims the computation of a key for this transaction, unless another has it. Give it back with [`release`].
pub fn claim(key: Key) -> bool {
    acquire(&tag(OF_KEYS, key.as_str()), pg_sys::ExclusiveLock)
}

/// Gives a claim back.
pub fn release(key: Key) {
    give_back(&tag(OF_KEYS, key.as_str()), pg_sys::ExclusiveLock);
}

/// Announces that a value of the key is being stored that was computed before; false while somebody clears its
/// namespace, or all. Ended by [`end_fill`].
pub fn begin_fill(key: Key) -> bool {
    let [all, one] = of_fills(key.namespace());
    if !acquire(&all, pg_sys::RowExclusiveLock) {
        return false;
    }
    let begun = acquire(&one, pg_sys::RowExclusiveLock);
    if !begun {
        give_back(&all, pg_sys::RowExclusiveLock);
    }
    begun
}

/// The value is in the table and its index, where a clear that begins now will meet it.
pub fn end_fill(key: Key) {
    of_fills(key.namespace()).iter().for_each(|tag| give_back(tag, pg_sys::RowExclusiveLock));
}

/// Whether another transaction, which has not ended, has written a computed value or a lease into the row of the key:
/// then somebody computes, or just did. A delete is no reason to wait.
pub fn is_under_way(table: &Table, key: Key) -> bool {
    let mut scan = Scan::open(table, View::Everything);
    let is_computed = |row: &Row| row.has(column::LOAD_US) || row.has(column::LEASE_ID);
    let found = scan.find(key.as_str(), |row| row.is_uncommitted_of_others() && is_computed(row)).is_some();
    scan.close();
    found
}

/// What a row that another transaction holds is to somebody who asks for a lease.
pub fn beside<T>(table: &Table, key: Key) -> Claim<T> {
    if is_under_way(table, key) { Claim::Taken(patience::soon()) } else { Claim::Beside }
}

/// Keeps fills of a namespace, or all, from being stored to the end of this transaction, and waits for those that are
/// being stored. Clears do not wait for each other. A transaction that clears many namespaces keeps all fills out: the
/// server has room for so many locks only.
pub fn bar_fills(namespace: Option<Namespace>) {
    let version = snapshot::current();
    let barred = BARRED.get().1 * u32::from(BARRED.get().0 == version);
    let all = || tag(OF_ALL_FILLS, "");
    let of = |namespace: Namespace| tag(OF_FILLS, namespace.as_str());
    let tag = namespace.filter(|_| barred < MOST_BARRED).map_or_else(all, of);
    // SAFETY: a lock of the transaction; an error or its end releases it.
    let result = unsafe { pg_sys::LockAcquire(&tag, pg_sys::ShareLock as LOCKMODE, false, false) };
    if result == LockAcquireResult::LOCKACQUIRE_OK {
        BARRED.set((version, barred + 1));
    }
}

fn of_fills(namespace: Namespace) -> [LOCKTAG; 2] {
    [tag(OF_ALL_FILLS, ""), tag(OF_FILLS, namespace.as_str())]
}

/// Takes a lock without waiting for it; false where that cannot be.
fn acquire(tag: &LOCKTAG, mode: u32) -> bool {
    // SAFETY: a lock of the transaction; an error or its end releases it.
    let result = unsafe { pg_sys::LockAcquire(tag, mode as LOCKMODE, false, true) };
    result != LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}

fn give_back(tag: &LOCKTAG, mode: u32) {
    // SAFETY: the lock was taken by `acquire`.
    unsafe { pg_sys::LockRelease(tag, mode as LOCKMODE, false) };
}

/// A lock of this database on something of a kind that has a name.
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
