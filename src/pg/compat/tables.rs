//! Where the major versions of PostgreSQL differ in the access to tables and indexes.
//!
//! Owns these conditions on the version. Must never hold anything else.

use pgrx::pg_sys::{self, FormData_pg_attribute, Oid, Relation, TupleDesc};

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
        #[cfg(all(since_pg18, not(since_pg19)))]
        return pg_sys::index_beginscan(relation, index, snapshot, std::ptr::null_mut(), conditions, 0);
        #[cfg(since_pg19)]
        return pg_sys::index_beginscan(relation, index, snapshot, std::ptr::null_mut(), conditions, 0, 0);
    }
}

/// Begins a scan of a whole table.
///
/// # Safety
/// The relation is open, and the snapshot lives as long as the scan.
pub unsafe fn begin_scan(relation: Relation, snapshot: pg_sys::Snapshot) -> pg_sys::TableScanDesc {
    // SAFETY: as the caller promises.
    unsafe {
        #[cfg(not(since_pg19))]
        return pg_sys::table_beginscan(relation, snapshot, 0, std::ptr::null_mut());
        #[cfg(since_pg19)]
        return pg_sys::table_beginscan(relation, snapshot, 0, std::ptr::null_mut(), 0);
    }
}

/// Begins a scan of the rows between two places.
///
/// # Safety
/// The relation is open. The snapshot and the places live as long as the scan.
pub unsafe fn begin_tid_range_scan(
    relation: Relation,
    snapshot: pg_sys::Snapshot,
    least: pg_sys::ItemPointer,
    greatest: pg_sys::ItemPointer,
) -> pg_sys::TableScanDesc {
    // SAFETY: as the caller promises.
    unsafe {
        #[cfg(not(since_pg19))]
        return pg_sys::table_beginscan_tidrange(relation, snapshot, least, greatest);
        #[cfg(since_pg19)]
        return pg_sys::table_beginscan_tidrange(relation, snapshot, least, greatest, 0);
    }
}

/// Replaces a row. There is no crosscheck snapshot: the newest version counts.
///
/// # Safety
/// The relation is open, and the slot has its shape.
pub unsafe fn update_row(
    relation: Relation,
    tid: pg_sys::ItemPointer,
    slot: *mut pg_sys::TupleTableSlot,
    snapshot: pg_sys::Snapshot,
    may_wait: bool,
    failure: &mut pg_sys::TM_FailureData,
    updated_indexes: &mut UpdatedIndexes,
) -> pg_sys::TM_Result::Type {
    let none = std::ptr::null_mut();
    let mut lock_mode = pg_sys::LockTupleMode::LockTupleNoKeyExclusive;
    // SAFETY: as the caller promises.
    unsafe {
        let command = pg_sys::GetCurrentCommandId(true);
        #[cfg(not(since_pg19))]
        return pg_sys::table_tuple_update(
            relation,
            tid,
            slot,
            command,
            snapshot,
            none,
            may_wait,
            failure,
            &mut lock_mode,
            updated_indexes,
        );
        #[cfg(since_pg19)]
        return pg_sys::table_tuple_update(
            relation,
            tid,
            slot,
            command,
            0,
            snapshot,
            none,
            may_wait,
            failure,
            &mut lock_mode,
            updated_indexes,
        );
    }
}

/// Deletes a row. There is no crosscheck snapshot: the newest version counts.
///
/// # Safety
/// The relation is open.
pub unsafe fn delete_row(
    relation: Relation,
    tid: pg_sys::ItemPointer,
    snapshot: pg_sys::Snapshot,
    may_wait: bool,
    failure: &mut pg_sys::TM_FailureData,
) -> pg_sys::TM_Result::Type {
    let none = std::ptr::null_mut();
    // SAFETY: as the caller promises.
    unsafe {
        let command = pg_sys::GetCurrentCommandId(true);
        #[cfg(not(since_pg19))]
        return pg_sys::table_tuple_delete(relation, tid, command, snapshot, none, may_wait, failure, false);
        #[cfg(since_pg19)]
        return pg_sys::table_tuple_delete(relation, tid, command, 0, snapshot, none, may_wait, failure);
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
