//! Storing one version of a row, with its index entries: an update, a speculative insertion or a plain insertion.
//!
//! Owns these three steps. Must never decide what to write, or what to do if another transaction is in the way:
//! [`super::change`] does.

use super::lock::{self, Contention};
use super::{row::Row, table::Table};
use crate::pg::compat::{self, UpdatedIndexes};
use pgrx::pg_sys::{self, Datum, TM_Result};

/// The outcome of an update.
pub(super) enum Updated {
    Done,
    /// Another transaction has replaced the row, or removed it.
    Overtaken,
    /// Another transaction holds the row.
    Held(pg_sys::ItemPointerData),
}

/// Replaces the row, unless another transaction has replaced it already or holds a conflicting lock.
///
/// If another transaction holds the row, this function first takes the lock, if it gets it without waiting. Then the
/// update does not wait. If none holds the row, one may still come between this check and that of `heap_update`. Then
/// the update waits if it may, and otherwise returns [`Updated::Held`]. A server with assertions would stop there, so
/// on such a server a caller that may not wait always takes the lock first.
pub(super) fn update(table: &Table, row: &Row, columns: &[Option<Datum>], contention: Contention) -> Updated {
    let may_wait = contention == Contention::Wait;
    let outcome = if row.is_held() || (!may_wait && lock::are_assertions_on()) {
        match lock_row(table, row.tid(), pg_sys::LockWaitPolicy::LockWaitSkip) {
            TM_Result::TM_Ok => replace(table, row, columns, true),
            refused => refused,
        }
    } else {
        replace(table, row, columns, may_wait)
    };
    match outcome {
        TM_Result::TM_Ok => Updated::Done,
        TM_Result::TM_BeingModified | TM_Result::TM_WouldBlock => Updated::Held(row.tid()),
        _ => Updated::Overtaken,
    }
}

/// Locks a version of a row in the mode of an update that does not change the key.
pub(super) fn lock_row(
    table: &Table,
    mut tid: pg_sys::ItemPointerData,
    policy: pg_sys::LockWaitPolicy::Type,
) -> TM_Result::Type {
    let mode = pg_sys::LockTupleMode::LockTupleNoKeyExclusive;
    // SAFETY: every caller has the TID from a row of the table that a scan has found.
    unsafe { lock::take(table.relation, &mut tid, pg_sys::GetActiveSnapshot(), mode, policy) }
}

fn replace(table: &Table, row: &Row, columns: &[Option<Datum>], may_wait: bool) -> TM_Result::Type {
    let mut failure = pg_sys::TM_FailureData::default();
    let mut update_indexes: UpdatedIndexes = Default::default();
    // SAFETY: the scan stands on the row. The slot has the table's shape. The columns may point into the row, which
    // stays pinned until the scan moves on.
    unsafe {
        let slot = fill_slot(table, columns);
        let outcome = compat::update_row(
            table.relation,
            &mut row.tid(),
            slot,
            pg_sys::GetActiveSnapshot(),
            may_wait,
            &mut failure,
            &mut update_indexes,
        );
        if outcome == TM_Result::TM_Ok {
            // Not a HOT update: the new version needs an index entry of its own.
            if update_indexes != UpdatedIndexes::default() {
                let unique = match (*(*table.index()).rd_index).indisunique {
                    true => pg_sys::IndexUniqueCheck::UNIQUE_CHECK_YES,
                    // A B-tree checks for duplicates whenever it is asked to, even if the index is not unique.
                    false => pg_sys::IndexUniqueCheck::UNIQUE_CHECK_NO,
                };
                insert_index_entry(table, slot, unique, true);
            }
            table.tell_observer(&(*slot).tts_tid, columns);
        }
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        outcome
    }
}

/// Inserts a row by the speculative insertion of `ON CONFLICT`. Returns false, and inserts nothing, if another row has
/// its key or `is_still_wanted` returns false.
pub(super) fn insert_unique(table: &Table, columns: &[Option<Datum>], is_still_wanted: impl FnOnce() -> bool) -> bool {
    // SAFETY: the steps of ExecInsert. The slot has the table's shape. The token is released on both ways out, or by
    // the end of the transaction.
    unsafe {
        let slot = fill_slot(table, columns);
        let writer = pg_sys::GetCurrentTransactionId();
        let token = pg_sys::SpeculativeInsertionLockAcquire(writer);
        let command = pg_sys::GetCurrentCommandId(true);
        pg_sys::table_tuple_insert_speculative(table.relation, slot, command, 0, std::ptr::null_mut(), token);
        let unique =
            insert_index_entry(table, slot, pg_sys::IndexUniqueCheck::UNIQUE_CHECK_PARTIAL, false) && is_still_wanted();
        pg_sys::table_tuple_complete_speculative(table.relation, slot, token, unique);
        pg_sys::SpeculativeInsertionLockRelease(writer);
        if unique {
            table.tell_observer(&(*slot).tts_tid, columns);
        }
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        unique
    }
}

/// Inserts a row into a table whose index is not unique, so no other row can be in the way.
pub(super) fn insert(table: &Table, columns: &[Option<Datum>]) {
    // SAFETY: the slot has the table's shape.
    unsafe {
        let slot = fill_slot(table, columns);
        let command = pg_sys::GetCurrentCommandId(true);
        pg_sys::table_tuple_insert(table.relation, slot, command, 0, std::ptr::null_mut());
        insert_index_entry(table, slot, pg_sys::IndexUniqueCheck::UNIQUE_CHECK_NO, false);
        pg_sys::ExecDropSingleTupleTableSlot(slot);
    }
}

/// Fills a new slot of the table's shape with columns.
unsafe fn fill_slot(table: &Table, columns: &[Option<Datum>]) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the slot has as many columns as the table; missing columns are NULL.
    unsafe {
        let shape = (*table.relation).rd_att;
        let slot = pg_sys::MakeSingleTupleTableSlot(shape, &raw const pg_sys::TTSOpsVirtual);
        pg_sys::ExecClearTuple(slot);
        for number in 0..(*shape).natts as usize {
            let column = columns.get(number).copied().flatten();
            *(*slot).tts_values.add(number) = column.unwrap_or(Datum::null());
            *(*slot).tts_isnull.add(number) = column.is_none();
        }
        pg_sys::ExecStoreVirtualTuple(slot)
    }
}

/// Adds the index entries of the row that was just stored from `slot`. Returns whether the key is unique, if `unique`
/// asks for that check.
unsafe fn insert_index_entry(
    table: &Table,
    slot: *mut pg_sys::TupleTableSlot,
    unique: pg_sys::IndexUniqueCheck::Type,
    is_unchanged: bool,
) -> bool {
    // SAFETY: the index has one column, the first of the table, which is in the slot. The IndexInfo is made here.
    unsafe {
        table.other_indexes.iter().for_each(|&index| insert_other_entry(table, index, slot, is_unchanged));
        let description = pg_sys::BuildIndexInfo(table.index());
        pg_sys::index_insert(
            table.index(),
            (*slot).tts_values,
            (*slot).tts_isnull,
            &mut (*slot).tts_tid,
            table.relation,
            unique,
            is_unchanged,
            description,
        )
    }
}

/// The same for one of the further indexes, none of which is unique.
unsafe fn insert_other_entry(
    table: &Table,
    index: pg_sys::Relation,
    slot: *mut pg_sys::TupleTableSlot,
    is_unchanged: bool,
) {
    const COLUMNS: usize = pg_sys::INDEX_MAX_KEYS as usize;
    let mut values = [Datum::null(); COLUMNS];
    let mut nulls = [false; COLUMNS];
    // SAFETY: the index is open and on plain columns, so no expression is evaluated. One that is not ready takes none.
    unsafe {
        let description = pg_sys::BuildIndexInfo(index);
        if (*description).ii_ReadyForInserts {
            pg_sys::FormIndexDatum(description, slot, std::ptr::null_mut(), values.as_mut_ptr(), nulls.as_mut_ptr());
            pg_sys::index_insert(
                index,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
                &mut (*slot).tts_tid,
                table.relation,
                pg_sys::IndexUniqueCheck::UNIQUE_CHECK_NO,
                is_unchanged,
                description,
            );
        }
    }
}
