//! What this process knows of itself: its database, its number, its transaction. And its dice.
//!
//! Owns these looks at PostgreSQL's variables, so that nobody else needs unsafe code for them. Must never lock, wait or
//! raise.

use pgrx::pg_sys::{self, Oid};

/// The database that it is connected to.
pub fn database() -> Oid {
    // SAFETY: a variable that is set when the process connects.
    unsafe { pg_sys::MyDatabaseId }
}

/// Its process number.
pub fn pid() -> i32 {
    // SAFETY: a variable that is set when the process starts.
    unsafe { pg_sys::MyProcPid }
}

/// Whether the server follows another one, or recovers from a crash.
pub fn is_standby() -> bool {
    // SAFETY: looks at shared memory.
    unsafe { pg_sys::RecoveryInProgress() }
}

/// Whether the transaction goes on reading what was there when it began (REPEATABLE READ, SERIALIZABLE).
pub fn has_old_snapshot() -> bool {
    // SAFETY: a variable of this backend.
    unsafe { pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as i32 }
}

/// Whether what the transaction reads and writes is checked against what others do at the same time.
pub fn is_serializable() -> bool {
    // SAFETY: a variable of this backend.
    unsafe { pg_sys::XactIsoLevel == pg_sys::XACT_SERIALIZABLE as i32 }
}

/// Whether anything may be written here: not on a standby, in a read-only transaction or in a parallel worker.
pub fn may_write() -> bool {
    // SAFETY: look at this backend's state.
    !is_standby() && unsafe { !pg_sys::XactReadOnly && !pg_sys::IsInParallelMode() }
}

/// A random number.
pub fn random() -> u64 {
    // SAFETY: draws from this process's generator, seeded when it started.
    unsafe { pg_sys::pg_prng_uint64(&raw mut pg_sys::pg_global_prng_state) }
}

/// A random number in 0 ≤ x < 1.
pub fn chance() -> f64 {
    // SAFETY: as above.
    unsafe { pg_sys::pg_prng_double(&raw mut pg_sys::pg_global_prng_state) }
}

/// Whether the postmaster is loading libraries: the only time at which shared memory can be asked for.
pub fn is_preloading() -> bool {
    // SAFETY: a flag that the postmaster sets before it loads libraries.
    unsafe { pg_sys::process_shared_preload_libraries_in_progress }
}
