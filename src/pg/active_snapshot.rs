//! Running work under a snapshot of its own.
//!
//! Owns the one place that pushes and pops snapshots. An error inside ends the (sub)transaction, which pops the
//! snapshot too. Must never leave a snapshot pushed.

use pgrx::pg_sys;

/// Runs `work` under a snapshot taken now. During a parallel query PostgreSQL refuses to take one, so `work` runs under
/// the snapshot of the query.
pub fn under_latest<R>(work: impl FnOnce() -> R) -> R {
    // SAFETY: a snapshot is active in every function call and statement; the new one is pushed at once.
    unsafe {
        let is_parallel = pg_sys::IsInParallelMode();
        under(if is_parallel { pg_sys::GetActiveSnapshot() } else { pg_sys::GetLatestSnapshot() }, work)
    }
}

/// Runs `work` under the snapshot of the transaction: a new one at READ COMMITTED.
pub fn under_transaction<R>(work: impl FnOnce() -> R) -> R {
    // SAFETY: in a transaction; pushed at once.
    unsafe { under(pg_sys::GetTransactionSnapshot(), work) }
}

/// Runs `work` under a snapshot that sees the catalogs as they are now.
pub fn under_catalog<R>(work: impl FnOnce() -> R) -> R {
    // SAFETY: as above.
    unsafe { under(pg_sys::GetCatalogSnapshot(pg_sys::RelationRelationId), work) }
}

/// # Safety
/// The snapshot is valid.
unsafe fn under<R>(snapshot: pg_sys::Snapshot, work: impl FnOnce() -> R) -> R {
    // SAFETY: pushed and popped in pairs.
    unsafe {
        pg_sys::PushActiveSnapshot(snapshot);
        let result = work();
        pg_sys::PopActiveSnapshot();
        result
    }
}
