//! Session-level advisory locks around user code.
//!
//! Owns restoring the session's advisory locks after user code ran: it releases those that the code took, and takes
//! back those that the code released. Neither the end of the function nor of the transaction does that.
//! Transaction-level locks end with the transaction. Must never wait.

use crate::error::{CacheError, LoadError};
use crate::pg::{caught::catch, compat};
use pgrx::pg_sys::{self, LOCKMODE, LOCKTAG};

/// A lock in one mode, and how often the session holds it.
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

/// Runs `work`, and then restores the session's advisory locks, also after an error.
///
/// # Errors
/// [`LoadError::LockLost`] if `work` released a lock that another session has taken since.
pub fn preserved<R>(work: impl FnOnce() -> R) -> Result<R, CacheError> {
    let before = held_locks();
    match catch(work) {
        Ok(result) => {
            if restore(&before) {
                Ok(result)
            } else {
                Err(LoadError::LockLost.into())
            }
        }
        Err(error) => {
            // SAFETY: the failed work cannot go on, and the abort that follows begins with the same two calls. The work
            // may have been waiting for a lock, and the lock manager grants no other lock until it has left that queue.
            unsafe {
                pg_sys::LWLockReleaseAll();
                pg_sys::LockErrorCleanup();
            }
            restore(&before);
            error.raise()
        }
    }
}

/// The advisory locks of this session.
fn held_locks() -> Vec<HeldLock> {
    let mut found = Vec::new();
    // SAFETY: GetLockStatusData returns a copy. A lock that is held in a mode may be taken in that mode again.
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

/// Restores the locks to `before`. Returns whether it got them all.
fn restore(before: &[HeldLock]) -> bool {
    let after = held_locks();
    let times = |list: &[HeldLock], lock: &HeldLock| list.iter().find(|it| it.is(lock)).map_or(0, |it| it.times);
    for lock in &after {
        for _ in times(before, lock)..lock.times {
            // SAFETY: the session holds the lock in this mode once more than before.
            unsafe { pg_sys::LockRelease(&lock.tag, lock.mode, true) };
        }
    }
    before.iter().all(|lock| {
        // SAFETY: asks for a lock, without waiting.
        (times(&after, lock)..lock.times).all(|_| unsafe { acquire(&lock.tag, lock.mode) }.is_some())
    })
}

/// Takes a lock for the session. Returns how often the session holds it then; None if it is not free.
///
/// # Safety
/// The tag is that of an advisory lock.
unsafe fn acquire(tag: &LOCKTAG, mode: LOCKMODE) -> Option<i64> {
    let mut local: *mut pg_sys::LOCALLOCK = std::ptr::null_mut();
    // SAFETY: LockAcquireExtended fills in this backend's local entry, which lists the resource owners of the lock. The
    // owner NULL is the session.
    unsafe {
        let outcome = compat::lock_for_session(tag, mode, &mut local);
        if outcome == pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL || local.is_null() {
            return None;
        }
        let owners = std::slice::from_raw_parts((*local).lockOwners, (*local).numLockOwners as usize);
        owners.iter().find(|it| it.owner.is_null()).map(|it| it.nLocks)
    }
}
