//! A row of a table, valid while a scan stands on it or its page is pinned.
//!
//! Owns how columns, and the transaction that wrote them, are read from a slot. Must never outlive a move of the scan.

use super::{shape::Column, snapshot, table::block_of};
use crate::statement;
use pgrx::FromDatum;
use pgrx::pg_sys::{self, Datum};

/// The row that a scan stands on, valid as long as it does.
pub struct Row {
    pub(super) slot: *mut pg_sys::TupleTableSlot,
}

impl Row {
    /// The row in a slot.
    ///
    /// # Safety
    /// While the result is used, the slot holds a row of a table of the extension whose shape was verified.
    pub unsafe fn in_slot(slot: *mut pg_sys::TupleTableSlot) -> Self {
        Self { slot }
    }

    /// A column, copied to the current memory context; None where it is NULL.
    pub fn get<T: statement::FromColumn>(&self, column: Column<T>) -> Option<T> {
        // SAFETY: the slot holds a row of a table whose shape was verified, so the column has its declared type.
        unsafe { self.datum(column).and_then(|datum| T::copy(datum)) }
    }

    /// A text as it is stored, valid while the scan stays on the row; None where it is NULL.
    pub fn text(&self, column: Column<String>) -> Option<&str> {
        // SAFETY: the column is a text. It lives as long as the scan stays on the row, which this borrows.
        self.datum(column).and_then(|datum| unsafe { FromDatum::from_datum(datum, false) })
    }

    /// Whether a column is not NULL.
    pub fn has<T>(&self, column: Column<T>) -> bool {
        self.datum(column).is_some()
    }

    /// A column as it is stored, possibly compressed or out of line. Valid while the scan stays on the row.
    pub fn datum<T>(&self, column: Column<T>) -> Option<Datum> {
        let column = column.number();
        // SAFETY: deforming up to the column fills the arrays up to it.
        unsafe {
            if ((*self.slot).tts_nvalid as usize) < column {
                pg_sys::slot_getsomeattrs_int(self.slot, column as i32);
            }
            let is_null = *(*self.slot).tts_isnull.add(column - 1);
            (!is_null).then(|| *(*self.slot).tts_values.add(column - 1))
        }
    }

    /// Its TID.
    pub(super) fn tid(&self) -> pg_sys::ItemPointerData {
        // SAFETY: the slot holds a row of a heap, which has a TID.
        unsafe { (*self.slot).tts_tid }
    }

    /// The page that it is on.
    pub fn page(&self) -> pg_sys::BlockNumber {
        block_of(&self.tid())
    }

    /// The size of the row as it is stored, in bytes, without values out of line.
    pub fn size(&self) -> u64 {
        self.tuple().t_len.into()
    }

    /// The row as it is stored.
    pub(super) fn tuple(&self) -> &pg_sys::HeapTupleData {
        let mut is_copy = false;
        // SAFETY: the slot holds a row of a heap in its buffer, so nothing is copied.
        let tuple = unsafe { pg_sys::ExecFetchSlotHeapTuple(self.slot, false, &mut is_copy) };
        debug_assert!(!is_copy);
        // SAFETY: as above; valid as long as the scan stays on the row, which this borrows.
        unsafe { &*tuple }
    }

    /// Whether the transaction that wrote this version rolled back, or was ended by a crash.
    pub fn was_rolled_back(&self) -> bool {
        let writer = self.writer();
        // SAFETY: reads shared memory.
        unsafe { !pg_sys::TransactionIdIsInProgress(writer) && !pg_sys::TransactionIdDidCommit(writer) }
    }

    /// Whether several transactions hold a lock on the row. Then its xmax is a MultiXactId, not a transaction.
    pub fn has_multixact(&self) -> bool {
        // SAFETY: the tuple is in the slot. If another backend changes these bits, the caller takes the slower way.
        unsafe { (*self.tuple().t_data).t_infomask & pg_sys::HEAP_XMAX_IS_MULTI as u16 != 0 }
    }

    /// Whether this transaction wrote this version.
    pub fn is_own(&self) -> bool {
        // SAFETY: reads this backend's state.
        unsafe { pg_sys::TransactionIdIsCurrentTransactionId(self.writer()) }
    }

    /// Whether another transaction that has not ended wrote this version.
    pub fn is_uncommitted_of_others(&self) -> bool {
        // SAFETY: reads shared memory.
        unsafe { pg_sys::TransactionIdIsInProgress(self.writer()) && !self.is_own() }
    }

    /// The (sub)transaction that wrote this version.
    fn writer(&self) -> pg_sys::TransactionId {
        // SAFETY: the tuple is in the slot.
        unsafe { snapshot::writer_of(self.tuple().t_data) }
    }
}
