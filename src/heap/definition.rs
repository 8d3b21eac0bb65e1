//! Which transaction last changed a table's definition, and in which file an older snapshot finds the table.
//!
//! Owns the reads of `pg_class` that the fence needs. Must never count this transaction's own changes of the table as
//! something that its snapshot saw: they hide what other transactions did to the table since the snapshot.

use super::snapshot;
use pgrx::pg_sys::{self, TransactionId};

/// The (sub)transaction that last changed the table's definition, or moved the table to another file. None if the
/// catalog has no such table.
///
/// # Safety
/// The relation is open.
pub(super) unsafe fn last_writer(relation: pg_sys::Relation) -> Option<TransactionId> {
    // SAFETY: the cached row is released before anything else happens.
    unsafe {
        let id = pg_sys::SysCacheIdentifier::RELOID as _;
        let row = pg_sys::SearchSysCache1(id, (*relation).rd_id.into());
        if row.is_null() {
            return None;
        }
        let writer = snapshot::writer_of((*row).t_data);
        pg_sys::ReleaseSysCache(row);
        Some(writer)
    }
}

/// Whether the active snapshot, without this transaction's own work, finds the table in its present file. True for a
/// table that this transaction has created, because no row of it was lost.
///
/// # Safety
/// The relation is open.
pub(super) unsafe fn is_in_file_of_snapshot(relation: pg_sys::Relation) -> bool {
    // SAFETY: the scan is opened and closed here. The copy of the snapshot lives as long as the scan, and shares the
    // arrays of the original. No command has a number below the first one, so the copy sees nothing that this
    // transaction did.
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
