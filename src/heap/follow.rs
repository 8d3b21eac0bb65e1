//! Reading a row where a hint says it is, without the index.
//!
//! Owns the rule by which a hint is followed: what is at that very place is taken only if the snapshot sees it and it
//! has the key. A table with a unique key has no second row like that, so the answer is the one that the index gives.
//! Where it is not there any more, or not visible, the index is asked, which leads to a new hint. Must never read a
//! page from the disk, nor be asked by a reader with an old snapshot (REPEATABLE READ, SERIALIZABLE), which may see two
//! rows of a key, and whose reads of the index count.

use super::hints::{self, spot_of};
use super::page::{pin, prune_if_full, visible};
use super::row::Row;
use super::shape::FIRST;
use super::table::Table;
use cache_pg_rules::hint::Spot;
use pgrx::pg_sys::{self, Datum, HeapTupleData, LOCKMODE, Oid, Relation, SnapshotData};

/// The table is locked by whoever reads it.
const LOCKED: LOCKMODE = pg_sys::NoLock as LOCKMODE;
/// A table with more columns than this is read through the index.
const MOST_COLUMNS: usize = 16;
/// What `take` makes of the row of a key, which the calling statement sees; None where no hint leads there, or `take`
/// has none. The table is locked.
pub fn follow<R>(table: Oid, key: &str, take: impl FnOnce(&Row) -> Option<R>) -> Option<R> {
    let spot = spot_of(key)?;
    opened(table, |relation| follow_in(relation, &spot, key, take))
}

/// The same for many keys: `take` is handed the number of each whose row was found.
pub fn follow_many(table: Oid, keys: &[&str], mut take: impl FnMut(usize, &Row)) {
    if !hints::are_kept() {
        return;
    }
    opened(table, |relation| {
        for (number, key) in keys.iter().enumerate() {
            if let Some(spot) = spot_of(key) {
                follow_in(relation, &spot, key, |row| {
                    take(number, row);
                    Some(())
                });
            }
        }
    });
}

/// The newest version of a key's row, in a slot of its own. Closed by [`NewestRow::close`], or by the end of the
/// transaction.
pub(super) struct NewestRow {
    slot: *mut pg_sys::TupleTableSlot,
}

impl NewestRow {
    /// By a hint, where `dirty` sees it there, which is told who is at work on it.
    ///
    /// # Safety
    /// The snapshot is a dirty one.
    pub(super) unsafe fn find(table: &Table, key: &str, dirty: *mut SnapshotData) -> Option<Self> {
        let spot = spot_of(key)?;
        let relation = table.relation;
        // SAFETY: the table is open; the slot takes over the pin, and keeps what it points to.
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

    /// Its row, until it is closed.
    pub(super) fn row(&self) -> Row {
        // SAFETY: the slot holds a row of the table until it is dropped.
        unsafe { Row::in_slot(self.slot) }
    }

    /// Lets go of it.
    pub(super) fn close(self) {
        // SAFETY: made by `find`, dropped once.
        unsafe { pg_sys::ExecDropSingleTupleTableSlot(self.slot) };
    }
}

fn opened<R>(table: Oid, work: impl FnOnce(Relation) -> R) -> R {
    // SAFETY: opened and closed in pairs; an error ends the transaction, which closes it.
    unsafe {
        let relation = pg_sys::table_open(table, LOCKED);
        let result = work(relation);
        pg_sys::table_close(relation, LOCKED);
        result
    }
}

fn follow_in<R>(relation: Relation, spot: &Spot, key: &str, take: impl FnOnce(&Row) -> Option<R>) -> Option<R> {
    // SAFETY: the relation is open, a statement's snapshot is active; what is pinned is released, by the end of the
    // transaction where an error comes in between.
    unsafe {
        let buffer = pin(relation, spot)?;
        let tuple = visible(relation, spot, buffer, pg_sys::GetActiveSnapshot());
        let found = tuple.and_then(|tuple| read(relation, tuple, key, take));
        pg_sys::ReleaseBuffer(buffer);
        found
    }
}

/// Hands the columns of a row to `take`, if it is the key's.
///
/// # Safety
/// The tuple is one of the relation, in a buffer that is pinned.
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
    // SAFETY: the arrays have room for the columns of the relation, and outlive the row, which asks for no more of a
    // slot than them.
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
