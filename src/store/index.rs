//! Look-ups through the primary key, below the executor.
//!
//! What a look-up costs beside the protocol is mostly the executor; the index access method needs none. Owns one
//! index scan over `cache_entries`, for one key or many. Must never be used where a policy, trigger or rule has a say
//! (`Access::plain`): nothing here asks them. Privileges are checked before, by [`crate::access`].
//!
//! The scan runs under the snapshot of the calling statement, so it sees what a query in its place would see; the
//! access methods take the predicate locks of SERIALIZABLE themselves, and count into the statistics of the table.

use crate::access::Access;
use crate::home::column;
use crate::statement::Column;
use pgrx::IntoDatum;
use pgrx::pg_sys::{self, Datum};

const LOCK: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
/// The table is locked by [`crate::access::check`], and stays so to the end of the transaction.
const LOCKED: pg_sys::LOCKMODE = pg_sys::NoLock as pg_sys::LOCKMODE;

/// A scan of the primary key, to be closed by [`Scan::close`]; an error ends the transaction, which closes it too.
pub struct Scan {
    entries: pg_sys::Relation,
    index: pg_sys::Relation,
    scan: pg_sys::IndexScanDesc,
    slot: *mut pg_sys::TupleTableSlot,
}

/// The row that a look-up has found, as long as the scan stays on it.
pub struct Row {
    slot: *mut pg_sys::TupleTableSlot,
}

impl Scan {
    /// Opens the table, which is locked, and its primary key under the active snapshot. None where the table is not
    /// a heap with a primary key.
    pub fn open(access: &Access) -> Option<Self> {
        // SAFETY: the table is locked, so it is there, and the relation cache knows its index; a snapshot is active in
        // every function call.
        unsafe {
            let entries = pg_sys::table_open(access.home.entries, LOCKED);
            #[cfg(not(feature = "pg18"))]
            let key = pg_sys::RelationGetPrimaryKeyIndex(entries);
            #[cfg(feature = "pg18")]
            let key = pg_sys::RelationGetPrimaryKeyIndex(entries, false);
            if (*(*entries).rd_rel).relam != pg_sys::HEAP_TABLE_AM_OID || key == pg_sys::Oid::INVALID {
                pg_sys::table_close(entries, LOCKED);
                return None;
            }
            let index = pg_sys::index_open(key, LOCK);
            let snapshot = pg_sys::GetActiveSnapshot();
            #[cfg(not(feature = "pg18"))]
            let scan = pg_sys::index_beginscan(entries, index, snapshot, 1, 0);
            #[cfg(feature = "pg18")]
            let scan = pg_sys::index_beginscan(entries, index, snapshot, std::ptr::null_mut(), 1, 0);
            let slot = pg_sys::table_slot_create(entries, std::ptr::null_mut());
            Some(Self { entries, index, scan, slot })
        }
    }

    /// The first row of a key that the snapshot sees and `wanted` takes. There may be two: in a transaction with an old
    /// snapshot, what the worker has removed since, and what the transaction itself has written after that.
    pub fn find(&mut self, key: &str, wanted: impl Fn(&Row) -> bool) -> Option<Row> {
        let key = key.into_datum()?;
        let mut condition = pg_sys::ScanKeyData::default();
        // SAFETY: the scan is open; the condition is copied by index_rescan, the datum lives until the next call.
        unsafe {
            pg_sys::ScanKeyInit(
                &mut condition,
                column::KEY as i16,
                pg_sys::BTEqualStrategyNumber as u16,
                pg_sys::F_TEXTEQ.into(),
                key,
            );
            pg_sys::index_rescan(self.scan, &mut condition, 1, std::ptr::null_mut(), 0);
            let forward = pg_sys::ScanDirection::ForwardScanDirection;
            while pg_sys::index_getnext_slot(self.scan, forward, self.slot) {
                let row = Row { slot: self.slot };
                if wanted(&row) {
                    return Some(row);
                }
            }
        }
        None
    }

    /// Ends the scan.
    pub fn close(self) {
        // SAFETY: what `open` opened, each once; locks are kept, as the executor does.
        unsafe {
            pg_sys::ExecDropSingleTupleTableSlot(self.slot);
            pg_sys::index_endscan(self.scan);
            pg_sys::index_close(self.index, LOCKED);
            pg_sys::table_close(self.entries, LOCKED);
        }
    }
}

impl Row {
    /// A column, copied to the current memory context; None where it is NULL.
    pub fn get<T: Column>(&self, column: usize) -> Option<T> {
        // SAFETY: the slot holds a row of cache_entries, which has the column; its type is T's.
        unsafe { self.datum(column).and_then(|datum| T::copy(datum)) }
    }

    /// Whether a column is not NULL.
    pub fn has(&self, column: usize) -> bool {
        // SAFETY: as above.
        unsafe { self.datum(column) }.is_some()
    }

    /// # Safety
    /// `column` is one of [`column`].
    unsafe fn datum(&self, column: usize) -> Option<Datum> {
        // SAFETY: deforming up to the column fills the arrays as far.
        unsafe {
            if ((*self.slot).tts_nvalid as usize) < column {
                pg_sys::slot_getsomeattrs_int(self.slot, column as i32);
            }
            let is_null = *(*self.slot).tts_isnull.add(column - 1);
            (!is_null).then(|| *(*self.slot).tts_values.add(column - 1))
        }
    }
}
