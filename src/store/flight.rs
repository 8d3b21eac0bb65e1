//! Who is computing or storing a value right now.
//!
//! Owns two kinds of advisory locks, which nobody ever waits for in order to store a value: one for each key, held
//! while `cache_get_or_set` computes it, and one for all fills, held while a row is written, which a clear waits for.
//! They are told from the locks of users by the last field of their tag. Waiting for a value is [`crate::wake`]'s, and
//! no lock: so it cannot deadlock.

use crate::backend;
use cache_pg_rules::key::Key;
use cache_pg_rules::token::hash;
use pgrx::pg_sys::{self, LOCKMODE, LOCKTAG, LockAcquireResult};

/// Advisory locks of users have 1 or 2 here.
const OF_KEYS: u16 = 0xCAC0;
const OF_FILLS: u16 = 0xCAC1;

/// Claims the computation of a key for this transaction, unless another has it. Give it back with [`release`].
pub fn claim(key: Key) -> bool {
    acquire(&tag(OF_KEYS, hash(key.as_str())), pg_sys::ExclusiveLock, false)
}

/// Gives a claim back.
pub fn release(key: Key) {
    // SAFETY: the lock was taken by `claim`.
    unsafe { pg_sys::LockRelease(&tag(OF_KEYS, hash(key.as_str())), pg_sys::ExclusiveLock as LOCKMODE, false) };
}

/// Announces that a value is being stored that was computed before; false while somebody clears. Ended by [`end_fill`].
pub fn begin_fill() -> bool {
    acquire(&tag(OF_FILLS, 0), pg_sys::RowExclusiveLock, false)
}

/// The value is in the table and its index, where a clear that begins now will meet it.
pub fn end_fill() {
    // SAFETY: the lock was taken by `begin_fill`.
    unsafe { pg_sys::LockRelease(&tag(OF_FILLS, 0), pg_sys::RowExclusiveLock as LOCKMODE, false) };
}

/// Keeps fills from being stored to the end of this transaction, and waits for those that are being stored. Clears do
/// not wait for each other.
pub fn bar_fills() {
    acquire(&tag(OF_FILLS, 0), pg_sys::ShareLock, true);
}

fn acquire(tag: &LOCKTAG, mode: u32, wait: bool) -> bool {
    // SAFETY: a lock of the transaction; an error or its end releases it.
    let result = unsafe { pg_sys::LockAcquire(tag, mode as LOCKMODE, false, !wait) };
    result != LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}

fn tag(kind: u16, number: u64) -> LOCKTAG {
    LOCKTAG {
        locktag_field1: backend::database().to_u32(),
        locktag_field2: (number >> 32) as u32,
        locktag_field3: number as u32,
        locktag_field4: kind,
        locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
        locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
    }
}
