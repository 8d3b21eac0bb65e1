//! Which run of the server this is.
//!
//! A crash or a failover may lose transactions that had committed without waiting for the disk, or for a standby. A
//! value that was computed from them must not be stored afterwards, so a token says in which run it was given.

use super::directory;
use crate::pg::clock;
use pgrx::prelude::*;
use pgrx::{PgAtomic, pg_shmem_init, pg_sys};
use std::sync::atomic::{AtomicU64, Ordering};

static BOOT: PgAtomic<AtomicU64> = unsafe {
    // SAFETY: the name is used once.
    PgAtomic::new(c"cache_pg boot")
};

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    // Filled anew whenever shared memory is: also after a crash that the postmaster survives.
    pg_shmem_init!(BOOT = AtomicU64::new(clock::now().0 as u64));
}

/// The current run: another number after a restart, a crash or a promotion. Not to be asked during recovery.
pub fn current() -> u64 {
    // SAFETY: looks at shared memory.
    let timeline = unsafe { pg_sys::GetWALInsertionTimeLine() };
    let boot = if directory::attached() { BOOT.get().load(Ordering::Relaxed) } else { started_and_recovered() };
    boot ^ u64::from(timeline).rotate_right(16)
}

/// When the postmaster was started, and up to where the last recovery got: a crash that it survives leads to another
/// one.
fn started_and_recovered() -> u64 {
    // SAFETY: a variable of the postmaster, inherited; the place in the WAL is in shared memory.
    let (started, recovered) =
        unsafe { (pg_sys::PgStartTime as u64, pg_sys::GetXLogReplayRecPtr(std::ptr::null_mut())) };
    started ^ recovered.rotate_left(24)
}
