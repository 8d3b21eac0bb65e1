//! A row of a table, while a scan stands on it or its page is pinned.
//!
//! Owns how columns, and who wrote the row, are read off a slot. Must never be used after the scan has moved on.

use super::shape::Column;
use super::snapshot;
use super::table::block_of;
use crate::statement;
use pgrx::FromDatum;
use pgrx::pg_sys::{self, Datum};

/// The row that a scan stands on, as long as it does.
pub struct Row {
    pub(super) slot: *mut pg_sys::TupleTableSlot,
}

impl Row {
    /// The row in a slot.
    ///
    /// # Safety
    /// The slot holds a row of a table of ours, whose shape was verified, for as long as the result is used.
    pub unsafe fn in_slot(slot: *mut pg_sys::TupleTableSlot) -> Self {
        Self { slot }
    }

    /// A column, copied to the current memory context; None where it is NULL.
    pub fn get<T: statement::Column>(&self, column: Column<T>) -> Option<T> {
        // SAFETY: the slot holds a row of a table of ours whose shape was verified: the column is of the type that it
        // says.
        unsafe { self.datum(column).and_then(|datum| T::copy(datum)) }
    }

    /// A text as it is stored, while the scan stays on the row; None where it is NULL.
    pub fn text(&self, column: Column<String>) -> Option<&str> {
        // SAFETY: the column is a text; what it points to lives as long as the scan stays on the row, which borrows it.
        self.datum(column).and_then(|datum| unsafe { FromDatum::from_datum(datum, false) })
    }

    /// Whether a column is not NULL.
    pub fn has<T>(&self, column: Column<T>) -> bool {
        self.datum(column).is_some()
    }

    /// A column as it is stored: possibly compressed or out of line, and only while the scan stays on the row.
    pub fn datum<T>(&self, column: Column<T>) -> Option<Datum> {
        let column = column.number();
        // SAFETY: deforming up to the column fills the arrays as far.
        unsafe {
            if ((*self.slot).tts_nvalid as usize) < column {
                pg_sys::slot_getsomeattrs_int(self.slot, column as i32);
            }
            let is_null = *(*self.slot).tts_isnull.add(column - 1);
            (!is_null).then(|| *(*self.slot).tts_values.add(column - 1))
        }
    }

    /// Where it is.
    pub(super) fn tid(&self) -> pg_sys::ItemPointerData {
        // SAFETY: the slot holds a row of a heap, which knows its place.
        unsafe { (*self.slot).tts_tid }
    }

    /// The page that it is on.
    pub fn page(&self) -> pg_sys::BlockNumber {
        block_of(&self.tid())
    }

    /// The bytes of the row as it is stored, without what is out of line.
    pub fn size(&self) -> u64 {
        self.tuple().t_len.into()
    }

    /// The row as it is stored.
    pub(super) fn tuple(&self) -> &pg_sys::HeapTupleData {
        let mut is_copy = false;
        // SAFETY: the slot holds a row of a heap, in its buffer: nothing is copied.
        let tuple = unsafe { pg_sys::ExecFetchSlotHeapTuple(self.slot, false, &mut is_copy) };
        debug_assert!(!is_copy);
        // SAFETY: as above, as long as the scan stays on the row, which borrows it.
        unsafe { &*tuple }
    }

    /// Whether the transaction that wrote this version rolled back, or was cut short by a crash.
    pub fn was_rolled_back(&self) -> bool {
        let writer = self.writer();
        // SAFETY: looks at shared memory.
        unsafe { !pg_sys::TransactionIdIsInProgress(writer) && !pg_sys::TransactionIdDidCommit(writer) }
    }

    /// Whether several transactions hold a lock on it: then they have one number together, which is none of a
    /// transaction.
    pub fn has_multixact(&self) -> bool {
        // SAFETY: the tuple is in the slot. What others change in these bits meanwhile only sends the caller the longer
        // way.
        unsafe { (*self.tuple().t_data).t_infomask & pg_sys::HEAP_XMAX_IS_MULTI as u16 != 0 }
    }

    /// Whether this transaction wrote this version.
    pub fn is_own(&self) -> bool {
        // SAFETY: looks at this backend's state.
        unsafe { pg_sys::TransactionIdIsCurrentTransactionId(self.writer()) }
    }

    /// Whether another transaction that has not ended wrote this version.
    pub fn is_uncommitted_of_others(&self) -> bool {
        // SAFETY: looks at shared memory.
        unsafe { pg_sys::TransactionIdIsInProgress(self.writer()) && !self.is_own() }
    }

    /// The (sub)transaction that wrote this version.
    fn writer(&self) -> pg_sys::TransactionId {
        // SAFETY: the tuple is in the slot.
        unsafe { snapshot::writer_of(self.tuple().t_data) }
    }
}
