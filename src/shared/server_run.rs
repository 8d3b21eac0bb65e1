//! The number of this run of the server.
//!
//! Owns that number. A crash or a failover may lose transactions that committed without waiting for the disk or for a
//! standby. A value that was computed from them must not be stored afterwards. So a token carries the run in which it
//! was given, and a fill refuses the token of another run. Must never be read during recovery.

use super::directory;
use crate::pg::clock;
use pgrx::{PgAtomic, pg_shmem_init, pg_sys};
use std::sync::atomic::{AtomicU64, Ordering};

// SAFETY: the name is used once.
static BOOT: PgAtomic<AtomicU64> = unsafe { PgAtomic::new(c"cache_pg boot") };

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    // Set whenever shared memory is new: also after a crash that the postmaster survives.
    pg_shmem_init!(BOOT = AtomicU64::new(clock::now().0 as u64));
}

/// The current run: the number changes with a restart, a crash or a promotion. Must not be called during recovery.
pub fn current() -> u64 {
    // SAFETY: reads shared memory.
    let timeline = unsafe { pg_sys::GetWALInsertionTimeLine() };
    let boot = if directory::attached() { BOOT.get().load(Ordering::Relaxed) } else { started_and_recovered() };
    boot ^ u64::from(timeline).rotate_right(16)
}

/// Derived from the start of the postmaster and the end of the last recovery: a crash that the postmaster survives
/// leads to another end.
fn started_and_recovered() -> u64 {
    // SAFETY: a variable of the postmaster, inherited; the place in the WAL is in shared memory.
    let (started, recovered) =
        unsafe { (pg_sys::PgStartTime as u64, pg_sys::GetXLogReplayRecPtr(std::ptr::null_mut())) };
    started ^ recovered.rotate_left(24)
}
