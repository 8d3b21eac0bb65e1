//! Who defined a table last, and which file an older snapshot found it in.
//!
//! Owns the looks at `pg_class` that the fence needs. Must never take this transaction's own work for the past: what it
//! did to the table itself hides what others had done to it since its snapshot.

use super::snapshot;
use pgrx::pg_sys::{self, TransactionId};

/// The (sub)transaction that last changed the table's definition, or put it into another file; None where the catalog
/// has no such table.
///
/// # Safety
/// The relation is open.
pub(super) unsafe fn last_writer(relation: pg_sys::Relation) -> Option<TransactionId> {
    // SAFETY: the row is released before anything else happens.
    unsafe {
        let id = pg_sys::SysCacheIdentifier::RELOID as i32;
        let row = pg_sys::SearchSysCache1(id, (*relation).rd_id.into());
        if row.is_null() {
            return None;
        }
        let writer = snapshot::writer_of((*row).t_data);
        pg_sys::ReleaseSysCache(row);
        Some(writer)
    }
}

/// Whether the table lies in the file in which the active snapshot, without this transaction's own work, finds it. One
/// that this transaction has made has lost nothing.
///
/// # Safety
/// The relation is open.
pub(super) unsafe fn is_in_file_of_snapshot(relation: pg_sys::Relation) -> bool {
    // SAFETY: the scan is opened and closed here; the copy of the snapshot lives as long, and shares its arrays. No
    // command has a number below the first, so nothing that this transaction did is seen by it.
    unsafe {
        if (*relation).rd_createSubid != 0 {
            return true;
        }
        let mut without_own_work = *pg_sys::GetActiveSnapshot();
        without_own_work.curcid = pg_sys::FirstCommandId;
        let catalog = pg_sys::table_open(pg_sys::RelationRelationId, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        let mut by_oid = pg_sys::ScanKeyData::default();
        pg_sys::ScanKeyInit(
            &mut by_oid,
            pg_sys::Anum_pg_class_oid as i16,
            pg_sys::BTEqualStrategyNumber as u16,
            pg_sys::F_OIDEQ.into(),
            (*relation).rd_id.into(),
        );
        let index = pg_sys::ClassOidIndexId.into();
        let scan = pg_sys::systable_beginscan(catalog, index, true, &mut without_own_work, 1, &mut by_oid);
        let row = pg_sys::systable_getnext(scan);
        let is_the_same = !row.is_null() && {
            let found = pg_sys::GETSTRUCT(row).cast::<pg_sys::FormData_pg_class>();
            (*found).relfilenode == (*(*relation).rd_rel).relfilenode
        };
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(catalog, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        is_the_same
    }
}
