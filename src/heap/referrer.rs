//! Looking up keys in a user's table that has a foreign key to ours.
//!
//! Owns how that table is read without running code of its owner: it evaluates no expression and no condition of an
//! index, and uses only indexes with PostgreSQL's own ordering of texts. Must never wait for a lock. A key counts as
//! referenced if the table cannot be read.

use crate::pg::compat;
use pgrx::pg_sys::{self, Datum, LOCKMODE, Oid, Relation};
use pgrx::{FromDatum, IntoDatum};
use std::collections::HashSet;

const LOCK: LOCKMODE = pg_sys::AccessShareLock as LOCKMODE;
/// The table is already locked, to the end of the transaction.
const LOCKED: LOCKMODE = pg_sys::NoLock as LOCKMODE;
/// A table with more pages is not read without an index.
const MOST_PAGES: u32 = 1024;
/// The operator families `text_ops` and `text_pattern_ops` of B-trees.
const TEXT_FAMILIES: [u32; 2] = [1994, 2095];

/// Removes from `keys` those that the column, a text, of the table holds under the active snapshot. Removes all of them
/// if the table cannot be read.
pub fn remove_referenced(table: Oid, column: i16, keys: &mut HashSet<String>) {
    // SAFETY: locks by OID. What is opened is closed here, or by the end of the (sub)transaction after an error.
    unsafe {
        if !pg_sys::ConditionalLockRelationOid(table, LOCK) {
            keys.clear();
            return;
        }
        let relation = pg_sys::try_table_open(table, LOCKED);
        if relation.is_null() {
            return;
        }
        let is_heap = (*(*relation).rd_rel).relam == pg_sys::HEAP_TABLE_AM_OID;
        let pages = pg_sys::RelationGetNumberOfBlocksInFork(relation, pg_sys::ForkNumber::MAIN_FORKNUM);
        match index_on(relation, column).filter(|_| is_heap) {
            Some(index) => {
                keys.retain(|key| !is_in_index(relation, index, key));
                pg_sys::index_close(index, LOCKED);
            }
            None if is_heap && pages <= MOST_PAGES => read_all(relation, column, keys),
            None => keys.clear(),
        }
        pg_sys::table_close(relation, LOCKED);
    }
}

/// Opens a B-tree whose first column is this one.
///
/// # Safety
/// The relation is open.
unsafe fn index_on(relation: Relation, column: i16) -> Option<Relation> {
    // SAFETY: as the caller promises; the list is a copy.
    unsafe {
        let list = pg_sys::RelationGetIndexList(relation);
        let count = if list.is_null() { 0 } else { (*list).length };
        let indexes: Vec<Oid> = (0..count).map(|number| pg_sys::list_nth_oid(list, number)).collect();
        pg_sys::list_free(list);
        indexes.into_iter().filter(|&index| pg_sys::ConditionalLockRelationOid(index, LOCK)).find_map(|index| {
            let index = pg_sys::index_open(index, LOCKED);
            if begins_with(index, column) {
                return Some(index);
            }
            pg_sys::index_close(index, LOCKED);
            None
        })
    }
}

/// # Safety
/// The index is open.
unsafe fn begins_with(index: Relation, column: i16) -> bool {
    // SAFETY: as the caller promises; an index has at least one column.
    unsafe {
        let form = (*index).rd_index;
        (*(*index).rd_rel).relam == pg_sys::BTREE_AM_OID
            && (*form).indisvalid
            && *(*form).indkey.values.as_ptr() == column
            && TEXT_FAMILIES.contains(&(*(*index).rd_opfamily).to_u32())
            && runs_no_code(index)
    }
}

/// Whether an index has no expressions and no condition. Reads the row of the catalog, because loading the expressions
/// may run the functions in them.
///
/// # Safety
/// The index is open.
pub(super) unsafe fn runs_no_code(index: Relation) -> bool {
    let is_null = |column: u32| {
        // SAFETY: the relation cache holds the row of the catalog.
        unsafe { pg_sys::heap_attisnull((*index).rd_indextuple, column as i32, std::ptr::null_mut()) }
    };
    is_null(pg_sys::Anum_pg_index_indexprs) && is_null(pg_sys::Anum_pg_index_indpred)
}

/// # Safety
/// Both are open, the index belongs to the table and is on texts, and a snapshot is active.
unsafe fn is_in_index(relation: Relation, index: Relation, key: &str) -> bool {
    let mut condition = pg_sys::ScanKeyData::default();
    // SAFETY: as the caller promises; the condition and its text live as long as the scan.
    unsafe {
        pg_sys::ScanKeyEntryInitialize(
            &mut condition,
            0,
            1,
            pg_sys::BTEqualStrategyNumber as u16,
            Oid::INVALID,
            *(*index).rd_indcollation,
            pg_sys::F_TEXTEQ.into(),
            key.into_datum().unwrap_or(Datum::null()),
        );
        let snapshot = pg_sys::GetActiveSnapshot();
        let scan = compat::begin_index_scan(relation, index, snapshot, 1);
        pg_sys::index_rescan(scan, &mut condition, 1, std::ptr::null_mut(), 0);
        let slot = pg_sys::table_slot_create(relation, std::ptr::null_mut());
        let found = pg_sys::index_getnext_slot(scan, pg_sys::ScanDirection::ForwardScanDirection, slot);
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        pg_sys::index_endscan(scan);
        found
    }
}

/// # Safety
/// The relation is an open heap, the column a text, and a snapshot is active.
unsafe fn read_all(relation: Relation, column: i16, keys: &mut HashSet<String>) {
    // SAFETY: as the caller promises; scan and slot live until the end of this function.
    unsafe {
        let snapshot = pg_sys::GetActiveSnapshot();
        let scan = compat::begin_scan(relation, snapshot);
        let slot = pg_sys::table_slot_create(relation, std::ptr::null_mut());
        while pg_sys::table_scan_getnextslot(scan, pg_sys::ScanDirection::ForwardScanDirection, slot) {
            let mut is_null = false;
            let text = pg_sys::slot_getattr(slot, column.into(), &mut is_null);
            if let Some(key) = <&str>::from_datum(text, is_null) {
                keys.remove(key);
            }
        }
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        pg_sys::table_endscan(scan);
    }
}
