//! The rows that a statement has changed.
//!
//! Owns the walk over a transition table, and the one row of a row trigger; must never change what other triggers of
//! the statement read from the same transition table.

use pgrx::pg_sys::{self, Datum};

/// A row; valid until the next one is asked for.
#[derive(Clone, Copy)]
pub struct Row(*mut pg_sys::TupleTableSlot);

impl Row {
    /// A column by its number; None where it is NULL.
    pub fn get(self, number: i16) -> Option<Datum> {
        let mut is_null = false;
        // SAFETY: the slot holds a row of the table whose columns were counted.
        let datum = unsafe { pg_sys::slot_getattr(self.0, number.into(), &mut is_null) };
        (!is_null).then_some(datum)
    }
}

/// The rows as they were, or as they are now, one after the other.
pub enum Rows {
    /// There are none of this kind: an insert has no old rows.
    None,
    /// A row trigger has one.
    One(Option<Row>),
    /// A statement trigger has a transition table.
    Table(Walk),
}

/// A walk over a transition table, with a read pointer of its own.
pub struct Walk {
    store: *mut pg_sys::Tuplestorestate,
    pointer: i32,
    slot: *mut pg_sys::TupleTableSlot,
}

impl Rows {
    /// # Safety
    /// `slot` holds a row for as long as the trigger runs, or is null.
    pub unsafe fn one(slot: *mut pg_sys::TupleTableSlot) -> Self {
        if slot.is_null() { Self::None } else { Self::One(Some(Row(slot))) }
    }

    /// # Safety
    /// `store` is a transition table of rows of `relation`, which is open, or null.
    pub unsafe fn table(store: *mut pg_sys::Tuplestorestate, relation: pg_sys::Relation) -> Self {
        if store.is_null() {
            return Self::None;
        }
        // SAFETY: as nodeNamedtuplestorescan.c: a new pointer stands where pointer 0 does, so it is wound back.
        unsafe {
            let pointer = pg_sys::tuplestore_alloc_read_pointer(store, pg_sys::EXEC_FLAG_REWIND as i32);
            pg_sys::tuplestore_select_read_pointer(store, pointer);
            pg_sys::tuplestore_rescan(store);
            let slot = pg_sys::MakeSingleTupleTableSlot((*relation).rd_att, &raw const pg_sys::TTSOpsMinimalTuple);
            Self::Table(Walk { store, pointer, slot })
        }
    }

    /// The next row.
    pub fn next(&mut self) -> Option<Row> {
        match self {
            Self::None => None,
            Self::One(row) => row.take(),
            Self::Table(walk) => walk.next(),
        }
    }

    /// Ends the walk. After an error the end of the transaction does.
    pub fn close(self) {
        if let Self::Table(walk) = self {
            // SAFETY: the slot was made with the walk and is not used any more.
            unsafe { pg_sys::ExecDropSingleTupleTableSlot(walk.slot) };
        }
    }
}

impl Walk {
    fn next(&mut self) -> Option<Row> {
        // SAFETY: the transition table lives as long as the trigger runs; the row stays in it.
        unsafe {
            pg_sys::tuplestore_select_read_pointer(self.store, self.pointer);
            pg_sys::tuplestore_gettupleslot(self.store, true, false, self.slot).then_some(Row(self.slot))
        }
    }
}
