//! Reading a row by a hint, without the index.
//!
//! Owns the rule for following a hint: the row at that place counts only if the snapshot sees it and it has the key.
//! The key is unique, so no other such row exists, and the result is the one that the index gives. If the row is gone
//! or not visible, the reader uses the index, and that leads to a new hint. Must never read a page from disk. Must
//! never be called under an old snapshot (REPEATABLE READ, SERIALIZABLE): it may see two rows of a key, and
//! SERIALIZABLE has to track reads of the index.

use super::hints::{self, spot_of, spots_of};
use super::page::{pin, prune_if_full, visible};
use super::prefetch::{prefetch_page, prefetch_row};
use super::{row::Row, shape::FIRST, table::Table};
use crate::pg::prefetch::GROUP;
use cache_pg_rules::hint::Spot;
use pgrx::pg_sys::{self, Datum, HeapTupleData, LOCKMODE, Oid, Relation, SnapshotData};

/// The caller has locked the table.
const LOCKED: LOCKMODE = pg_sys::NoLock as LOCKMODE;
/// A table with more columns than this is read through the index.
const MOST_COLUMNS: usize = 16;
/// Calls `take` with the row of a key that the calling statement sees. Returns None if no hint leads to the row, or if
/// `take` returns None. The caller has locked the table.
pub fn follow<R>(table: Oid, key: &str, take: impl FnOnce(&Row) -> Option<R>) -> Option<R> {
    let spot = spot_of(key)?;
    prefetch_page(&spot);
    opened(table, |relation| {
        prefetch_row(&spot);
        follow_in(relation, &spot, key, take)
    })
}

/// The same for many keys: `take` gets the index in `keys` of each key whose row was found, and the row.
pub fn follow_many(table: Oid, keys: &[&str], mut take: impl FnMut(usize, &Row)) {
    if !hints::are_kept() {
        return;
    }
    opened(table, |relation| {
        for (group, first) in keys.chunks(GROUP).zip((0..).step_by(GROUP)) {
            for ((key, spot), number) in group.iter().zip(spots_of(group)).zip(first..) {
                spot.and_then(|spot| {
                    follow_in(relation, &spot, key, |row| {
                        take(number, row);
                        Some(())
                    })
                });
            }
        }
    });
}

/// The newest version of a key's row, in a slot that [`NewestRow::close`] or the end of the transaction drops.
pub(super) struct NewestRow {
    slot: *mut pg_sys::TupleTableSlot,
}

impl NewestRow {
    /// Finds the row by a hint, if the snapshot `dirty` sees it there. Sets in `dirty` which transactions work on it.
    ///
    /// # Safety
    /// The snapshot is a dirty one.
    pub(super) unsafe fn find(table: &Table, key: &str, dirty: *mut SnapshotData) -> Option<Self> {
        let spot = spot_of(key)?;
        let relation = table.relation;
        // SAFETY: the table is open; the slot takes over the pin, so the tuple stays valid.
        unsafe {
            let buffer = pin(relation, &spot)?;
            prune_if_full(relation, &spot, buffer);
            let Some(tuple) = visible(relation, &spot, buffer, dirty) else {
                pg_sys::ReleaseBuffer(buffer);
                return None;
            };
            let slot = pg_sys::table_slot_create(relation, std::ptr::null_mut());
            let kept = &raw mut (*slot.cast::<pg_sys::BufferHeapTupleTableSlot>()).base.tupdata;
            kept.write(tuple);
            pg_sys::ExecStorePinnedBufferHeapTuple(kept, slot, buffer);
            let newest = Self { slot };
            if newest.row().text(FIRST) == Some(key) {
                return Some(newest);
            }
            newest.close();
            None
        }
    }

    /// The row; valid until [`NewestRow::close`].
    pub(super) fn row(&self) -> Row {
        // SAFETY: the slot holds a row of the table until it is dropped.
        unsafe { Row::in_slot(self.slot) }
    }

    /// Drops the slot, and with it the pin.
    pub(super) fn close(self) {
        // SAFETY: `find` made the slot, and it is dropped once.
        unsafe { pg_sys::ExecDropSingleTupleTableSlot(self.slot) };
    }
}

fn opened<R>(table: Oid, work: impl FnOnce(Relation) -> R) -> R {
    // SAFETY: opened and closed in pairs; after an error the end of the transaction closes the table.
    unsafe {
        let relation = pg_sys::table_open(table, LOCKED);
        let result = work(relation);
        pg_sys::table_close(relation, LOCKED);
        result
    }
}

fn follow_in<R>(relation: Relation, spot: &Spot, key: &str, take: impl FnOnce(&Row) -> Option<R>) -> Option<R> {
    // SAFETY: the relation is open and a statement's snapshot is active. The pin is released here, or by the end of the
    // transaction after an error.
    unsafe {
        let buffer = pin(relation, spot)?;
        let tuple = visible(relation, spot, buffer, pg_sys::GetActiveSnapshot());
        let found = tuple.and_then(|tuple| read(relation, tuple, key, take));
        pg_sys::ReleaseBuffer(buffer);
        found
    }
}

/// Passes the row to `take` if it has the key.
///
/// # Safety
/// The tuple belongs to the relation, and its buffer is pinned.
unsafe fn read<R>(
    relation: Relation,
    mut tuple: HeapTupleData,
    key: &str,
    take: impl FnOnce(&Row) -> Option<R>,
) -> Option<R> {
    // SAFETY: the relation is open.
    let columns = unsafe { (*(*relation).rd_att).natts };
    if columns as usize > MOST_COLUMNS {
        return None;
    }
    let mut values = [Datum::null(); MOST_COLUMNS];
    let mut nulls = [true; MOST_COLUMNS];
    // SAFETY: the arrays have room for all columns of the relation and outlive the row. The row reads nothing else of
    // the slot.
    unsafe {
        pg_sys::heap_deform_tuple(&mut tuple, (*relation).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
        let mut slot = pg_sys::TupleTableSlot {
            tts_nvalid: columns as i16,
            tts_values: values.as_mut_ptr(),
            tts_isnull: nulls.as_mut_ptr(),
            ..Default::default()
        };
        let row = Row::in_slot(&raw mut slot);
        if row.text(FIRST) == Some(key) { take(&row) } else { None }
    }
}
