//! Advisory locks that somebody's code takes for the session.
//!
//! Owns giving back what was taken, and taking back what was given away, while other people's code ran: neither the end
//! of a transaction nor that of a function does. Locks of the transaction end with it. Must never wait.

use crate::error::{CacheError, LoadError};
use pgrx::pg_sys::{self, LOCKMODE, LOCKTAG};
use pgrx::{PgTryBuilder, pg_sys::panic::CaughtError};
use std::panic::AssertUnwindSafe;

/// A lock in one mode, and how often the session has it.
struct HeldLock {
    tag: LOCKTAG,
    mode: LOCKMODE,
    times: i64,
}

impl HeldLock {
    fn is(&self, other: &Self) -> bool {
        let of = |tag: &LOCKTAG| (tag.locktag_field1, tag.locktag_field2, tag.locktag_field3, tag.locktag_field4);
        self.mode == other.mode && of(&self.tag) == of(&other.tag)
    }
}

/// Runs `work`, which leaves the session's advisory locks as they were, also where it raises an error.
///
/// # Errors
/// [`LoadError::LockLost`] where it gave one away that somebody else has got meanwhile.
pub fn preserved<R>(work: impl FnOnce() -> R) -> Result<R, CacheError> {
    let before = held_locks();
    let work = AssertUnwindSafe(|| Ok::<R, CaughtError>(work()));
    match PgTryBuilder::new(work).catch_others(Err).catch_rust_panic(Err).execute() {
        Ok(result) => {
            if restore(&before) {
                Ok(result)
            } else {
                Err(LoadError::LockLost.into())
            }
        }
        Err(error) => {
            // SAFETY: what failed cannot go on; the abort, which is next, begins with the same. It may have been
            // waiting for a lock, and the lock manager takes no other one before it has left that queue.
            unsafe {
                pg_sys::LWLockReleaseAll();
                pg_sys::LockErrorCleanup();
            }
            restore(&before);
            error.rethrow()
        }
    }
}

/// The advisory locks of this session.
fn held_locks() -> Vec<HeldLock> {
    let mut found = Vec::new();
    // SAFETY: the list is a copy of ours; a lock that is held in a mode may be asked for in it again.
    unsafe {
        let all = pg_sys::GetLockStatusData();
        for number in 0..(*all).nelements as usize {
            let lock = &*(*all).locks.add(number);
            let is_of_user = matches!(lock.locktag.locktag_field4, 1 | 2);
            let is_advisory = u32::from(lock.locktag.locktag_type) == pg_sys::LockTagType::LOCKTAG_ADVISORY;
            if lock.pid != pg_sys::MyProcPid || !is_advisory || !is_of_user {
                continue;
            }
            for mode in 1..=pg_sys::AccessExclusiveLock as LOCKMODE {
                if lock.holdMask & (1 << mode) != 0 {
                    let times = acquire(&lock.locktag, mode).unwrap_or(1) - 1;
                    pg_sys::LockRelease(&lock.locktag, mode, true);
                    found.push(HeldLock { tag: lock.locktag, mode, times });
                }
            }
        }
    }
    found
}

/// Whether the locks are again what they were.
fn restore(before: &[HeldLock]) -> bool {
    let after = held_locks();
    let times = |list: &[HeldLock], lock: &HeldLock| list.iter().find(|it| it.is(lock)).map_or(0, |it| it.times);
    for lock in &after {
        for _ in times(before, lock)..lock.times {
            // SAFETY: the session has the lock in this mode once more.
            unsafe { pg_sys::LockRelease(&lock.tag, lock.mode, true) };
        }
    }
    before.iter().all(|lock| {
        // SAFETY: asks for a lock, without waiting.
        (times(&after, lock)..lock.times).all(|_| unsafe { acquire(&lock.tag, lock.mode) }.is_some())
    })
}

/// Takes a lock for the session, and says how often it has it then; None where it cannot be had at once.
///
/// # Safety
/// The tag is that of an advisory lock.
unsafe fn acquire(tag: &LOCKTAG, mode: LOCKMODE) -> Option<i64> {
    let mut local: *mut pg_sys::LOCALLOCK = std::ptr::null_mut();
    // SAFETY: the lock method fills in the entry of this backend, which lists whom it holds the lock for: NULL is the
    // session.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        let outcome = pg_sys::LockAcquireExtended(tag, mode, true, true, false, &mut local);
        #[cfg(feature = "pg18")]
        let outcome = pg_sys::LockAcquireExtended(tag, mode, true, true, false, &mut local, false);
        if outcome == pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL || local.is_null() {
            return None;
        }
        let owners = std::slice::from_raw_parts((*local).lockOwners, (*local).numLockOwners as usize);
        owners.iter().find(|it| it.owner.is_null()).map(|it| it.nLocks)
    }
}
