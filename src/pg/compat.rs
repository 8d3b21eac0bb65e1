//! Where the major versions of PostgreSQL differ.
//!
//! Owns every condition on the version: `since_pgNN` is true for that major version and all later ones (`build.rs`), so
//! what is written for the newest version is also what the next one gets. Each function here has one meaning for all
//! versions. Must never hold anything else; `cargo xtask test --only lint` refuses such a condition in any other file.

use pgrx::pg_sys::{self, Datum, FormData_pg_attribute, LOCALLOCK, LOCKMODE, LOCKTAG, Oid, Relation, TupleDesc};
use std::ffi::CStr;

/// Where the file of a table is.
#[cfg(not(since_pg16))]
pub type FileLocator = pg_sys::RelFileNode;
/// Where the file of a table is.
#[cfg(since_pg16)]
pub type FileLocator = pg_sys::RelFileLocator;

/// Which indexes an update must add to. The default: none, because it was a HOT update.
#[cfg(not(since_pg16))]
pub type UpdatedIndexes = bool;
/// Which indexes an update must add to. The default: none, because it was a HOT update.
#[cfg(since_pg16)]
pub type UpdatedIndexes = pg_sys::TU_UpdateIndexes::Type;

/// Sets the handler of a signal in a background worker.
#[cfg(not(since_pg18))]
pub use pg_sys::pqsignal as set_signal_handler;
/// Sets the handler of a signal in a background worker.
#[cfg(since_pg18)]
pub use pg_sys::pqsignal_be as set_signal_handler;

/// The settings that end a transaction which takes too long.
#[cfg(not(since_pg17))]
pub const TIMEOUTS: &[&CStr] = &[c"statement_timeout", c"lock_timeout", c"idle_in_transaction_session_timeout"];
/// The settings that end a transaction which takes too long.
#[cfg(since_pg17)]
pub const TIMEOUTS: &[&CStr] =
    &[c"statement_timeout", c"lock_timeout", c"idle_in_transaction_session_timeout", c"transaction_timeout"];

/// Where the file of a table is.
///
/// # Safety
/// The relation is open.
pub unsafe fn file_locator(relation: Relation) -> FileLocator {
    // SAFETY: as the caller promises.
    unsafe {
        #[cfg(not(since_pg16))]
        return (*relation).rd_node;
        #[cfg(since_pg16)]
        return (*relation).rd_locator;
    }
}

/// The subtransaction of the current transaction that has put the table into another file; 0: none.
///
/// # Safety
/// The relation is open.
pub unsafe fn new_file_since(relation: Relation) -> pg_sys::SubTransactionId {
    // SAFETY: as the caller promises.
    unsafe {
        #[cfg(not(since_pg16))]
        return (*relation).rd_newRelfilenodeSubid;
        #[cfg(since_pg16)]
        return (*relation).rd_newRelfilelocatorSubid;
    }
}

/// Counts a page that was found in a buffer in the statistics of a table.
pub fn count_page(statistics: &mut pg_sys::PgStat_TableStatus) {
    #[cfg(not(since_pg16))]
    let (read, hit) = (&mut statistics.t_counts.t_blocks_fetched, &mut statistics.t_counts.t_blocks_hit);
    #[cfg(since_pg16)]
    let (read, hit) = (&mut statistics.counts.blocks_fetched, &mut statistics.counts.blocks_hit);
    *read += 1;
    *hit += 1;
}

/// Takes the next value from a sort and hands it to `take`; None at its end. Nothing of it remains after the call.
///
/// # Safety
/// The sort is one of datums of a type that is passed by reference, and is performed.
pub unsafe fn next_sorted<R>(sort: *mut pg_sys::Tuplesortstate, take: impl FnOnce(Datum, bool) -> R) -> Option<R> {
    let (mut datum, mut is_null) = (Datum::null(), false);
    // SAFETY: as the caller promises. PostgreSQL 15 knows no other way than to copy the value for its caller.
    unsafe {
        #[cfg(not(since_pg16))]
        let found = pg_sys::tuplesort_getdatum(sort, true, &mut datum, &mut is_null, std::ptr::null_mut());
        #[cfg(since_pg16)]
        let found = pg_sys::tuplesort_getdatum(sort, true, false, &mut datum, &mut is_null, std::ptr::null_mut());
        if !found {
            return None;
        }
        let taken = take(datum, is_null);
        #[cfg(not(since_pg16))]
        if !is_null {
            pg_sys::pfree(datum.cast_mut_ptr());
        }
        Some(taken)
    }
}

/// Whether the server may remove versions of rows that a snapshot still needs: `old_snapshot_threshold`, which
/// PostgreSQL 17 has no more.
pub fn may_lose_versions() -> bool {
    #[cfg(not(since_pg17))]
    {
        // SAFETY: a setting of the server.
        unsafe { pg_sys::old_snapshot_threshold >= 0 }
    }
    #[cfg(since_pg17)]
    {
        false
    }
}

/// The number under which `pg_stat_activity` shows a wait: by this name since PostgreSQL 17, as `Extension` before.
/// Each call registers the name: keep the number.
pub fn wait_event(name: &CStr) -> u32 {
    #[cfg(not(since_pg17))]
    {
        let _ = name;
        pg_sys::PG_WAIT_EXTENSION
    }
    #[cfg(since_pg17)]
    {
        // SAFETY: registers the name, once for the whole server, and returns its number.
        unsafe { pg_sys::WaitEventExtensionNew(name.as_ptr()) }
    }
}

/// Takes a lock for the session without waiting, and sets `local` to this backend's entry of it.
///
/// # Safety
/// The tag is that of a lock which a session may take.
pub unsafe fn lock_for_session(
    tag: &LOCKTAG,
    mode: LOCKMODE,
    local: &mut *mut LOCALLOCK,
) -> pg_sys::LockAcquireResult::Type {
    // SAFETY: as the caller promises.
    unsafe {
        #[cfg(not(since_pg18))]
        return pg_sys::LockAcquireExtended(tag, mode, true, true, false, local);
        #[cfg(since_pg18)]
        return pg_sys::LockAcquireExtended(tag, mode, true, true, false, local, false);
    }
}

/// The attribute of a row's type with this number, from 0.
///
/// # Safety
/// There is one with that number.
pub unsafe fn attribute(shape: TupleDesc, number: usize) -> *const FormData_pg_attribute {
    // SAFETY: as the caller promises; since PostgreSQL 18 they stand behind the compact ones, as TupleDescAttr knows.
    unsafe {
        #[cfg(not(since_pg18))]
        return (*shape).attrs.as_ptr().add(number);
        #[cfg(since_pg18)]
        return (*shape)
            .compact_attrs
            .as_ptr()
            .add((*shape).natts as usize)
            .cast::<FormData_pg_attribute>()
            .add(number);
    }
}

/// Whether subtransactions may start in a parallel query.
pub const PARALLEL_SUBTRANSACTIONS: bool = cfg!(since_pg17);

/// Begins a scan of an index.
///
/// # Safety
/// Both are open, and the snapshot lives as long as the scan.
pub unsafe fn begin_index_scan(
    relation: Relation,
    index: Relation,
    snapshot: pg_sys::Snapshot,
    conditions: i32,
) -> pg_sys::IndexScanDesc {
    // SAFETY: as the caller promises.
    unsafe {
        #[cfg(not(since_pg18))]
        return pg_sys::index_beginscan(relation, index, snapshot, conditions, 0);
        #[cfg(since_pg18)]
        return pg_sys::index_beginscan(relation, index, snapshot, std::ptr::null_mut(), conditions, 0);
    }
}

/// The index of the primary key; [`Oid::INVALID`] where there is none, or it is deferrable.
///
/// # Safety
/// The relation is open.
pub unsafe fn primary_key_index(relation: Relation) -> Oid {
    // SAFETY: as the caller promises.
    unsafe {
        #[cfg(not(since_pg18))]
        return pg_sys::RelationGetPrimaryKeyIndex(relation);
        #[cfg(since_pg18)]
        return pg_sys::RelationGetPrimaryKeyIndex(relation, false);
    }
}
