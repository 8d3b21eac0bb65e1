//! The state of this process: its database, its process ID, its transaction, its random numbers.
//!
//! Owns these reads of PostgreSQL's variables, so that other modules need no unsafe code for them. Must never lock,
//! wait or raise.

use super::compat;
use pgrx::pg_sys::{self, Oid};

/// The database that this process is connected to.
pub fn database() -> Oid {
    // SAFETY: a variable that is set when the process connects.
    unsafe { pg_sys::MyDatabaseId }
}

/// Whether a subtransaction may start: before PostgreSQL 17 not in a parallel query.
pub fn may_start_subtransaction() -> bool {
    // SAFETY: reads a variable of this backend.
    compat::PARALLEL_SUBTRANSACTIONS || unsafe { !pg_sys::IsInParallelMode() }
}

/// The process ID.
pub fn pid() -> i32 {
    // SAFETY: a variable that is set when the process starts.
    unsafe { pg_sys::MyProcPid }
}

/// Whether the server is in recovery: it is a standby, or recovers from a crash.
pub fn is_standby() -> bool {
    // SAFETY: reads shared memory.
    unsafe { pg_sys::RecoveryInProgress() }
}

/// Whether the transaction keeps its first snapshot to the end (REPEATABLE READ, SERIALIZABLE).
pub fn has_old_snapshot() -> bool {
    // SAFETY: a variable of this backend.
    unsafe { pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as i32 }
}

/// Whether the transaction is SERIALIZABLE, so that PostgreSQL tracks its reads and writes.
pub fn is_serializable() -> bool {
    // SAFETY: a variable of this backend.
    unsafe { pg_sys::XactIsoLevel == pg_sys::XACT_SERIALIZABLE as i32 }
}

/// Whether the transaction may write: not on a standby, in a read-only transaction or in a parallel worker.
pub fn may_write() -> bool {
    // SAFETY: reads this backend's state.
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

/// Whether the postmaster is loading libraries: the only time at which shared memory can be reserved.
pub fn is_preloading() -> bool {
    // SAFETY: a flag that the postmaster sets before it loads libraries.
    unsafe { pg_sys::process_shared_preload_libraries_in_progress }
}
