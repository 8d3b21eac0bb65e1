//! The rows that a statement has changed.
//!
//! Owns the scan of a transition table, and the one row of a row trigger. Must never change what other triggers of the
//! statement read from the same transition table.

use pgrx::pg_sys::{self, Datum};

/// A changed row; valid until [`ChangedRows::next`] is called again.
#[derive(Clone, Copy)]
pub struct ChangedRow(*mut pg_sys::TupleTableSlot);

impl ChangedRow {
    /// The value of a column by its number; None if it is NULL.
    pub fn get(self, number: i16) -> Option<Datum> {
        let mut is_null = false;
        // SAFETY: the slot holds a row of the table whose columns were counted.
        let datum = unsafe { pg_sys::slot_getattr(self.0, number.into(), &mut is_null) };
        (!is_null).then_some(datum)
    }
}

/// The old or the new rows, one after the other.
pub enum ChangedRows {
    /// There are none: an insert has no old rows.
    None,
    /// A row trigger has one.
    One(Option<ChangedRow>),
    /// A statement trigger has a transition table.
    Table(TransitionScan),
}

/// A scan of a transition table, with its own read pointer.
pub struct TransitionScan {
    store: *mut pg_sys::Tuplestorestate,
    pointer: i32,
    slot: *mut pg_sys::TupleTableSlot,
}

impl ChangedRows {
    /// # Safety
    /// `slot` holds a row for as long as the trigger runs, or is null.
    pub unsafe fn one(slot: *mut pg_sys::TupleTableSlot) -> Self {
        if slot.is_null() { Self::None } else { Self::One(Some(ChangedRow(slot))) }
    }

    /// # Safety
    /// `store` is a transition table of rows of `relation`, which is open, or null.
    pub unsafe fn table(store: *mut pg_sys::Tuplestorestate, relation: pg_sys::Relation) -> Self {
        if store.is_null() {
            return Self::None;
        }
        // SAFETY: as nodeNamedtuplestorescan.c: a new pointer starts where pointer 0 is, so it is rewound.
        unsafe {
            let pointer = pg_sys::tuplestore_alloc_read_pointer(store, pg_sys::EXEC_FLAG_REWIND as i32);
            pg_sys::tuplestore_select_read_pointer(store, pointer);
            pg_sys::tuplestore_rescan(store);
            let slot = pg_sys::MakeSingleTupleTableSlot((*relation).rd_att, &raw const pg_sys::TTSOpsMinimalTuple);
            Self::Table(TransitionScan { store, pointer, slot })
        }
    }

    /// The next row.
    pub fn next(&mut self) -> Option<ChangedRow> {
        match self {
            Self::None => None,
            Self::One(row) => row.take(),
            Self::Table(scan) => scan.next(),
        }
    }

    /// Ends the scan. After an error, the end of the transaction does.
    pub fn close(self) {
        if let Self::Table(scan) = self {
            // SAFETY: the slot belongs to the scan and is not used any more.
            unsafe { pg_sys::ExecDropSingleTupleTableSlot(scan.slot) };
        }
    }
}

impl TransitionScan {
    fn next(&mut self) -> Option<ChangedRow> {
        // SAFETY: the transition table lives as long as the trigger runs; the row stays in it.
        unsafe {
            pg_sys::tuplestore_select_read_pointer(self.store, self.pointer);
            pg_sys::tuplestore_gettupleslot(self.store, true, false, self.slot).then_some(ChangedRow(self.slot))
        }
    }
}
