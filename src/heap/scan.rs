//! The rows of a key, under a snapshot or under none.
//!
//! Owns index scans. A scan takes the predicate locks of SERIALIZABLE if its snapshot is an ordinary one, and counts
//! into the statistics of the table, as a scan of the executor does. Must never be used after [`Scan::close`].

use super::row::Row;
use super::table::{Table, block_of};
use crate::pg::compat;
use cache_pg_rules::hint::Spot;
use pgrx::IntoDatum;
use pgrx::pg_sys::{self, Datum, SnapshotData};

/// Which versions of a row a scan finds.
#[derive(Clone, Copy)]
pub enum View {
    /// The versions that the snapshot of the calling statement sees: those that a query in its place would find.
    Statement,
    /// The versions that are committed by now, and those that this transaction wrote.
    Latest,
    /// Every version that has not been pruned yet, of any transaction, even one that rolled back.
    Everything,
}

/// One scan of a table's index, for one key or many. [`Scan::close`] or the end of the transaction closes it.
pub struct Scan {
    descriptor: pg_sys::IndexScanDesc,
    slot: *mut pg_sys::TupleTableSlot,
    /// A snapshot that [`Scan::close`] must unregister.
    registered: Option<pg_sys::Snapshot>,
}

impl Scan {
    /// Opens a scan for single keys. A statement's snapshot is active, as in every function call.
    pub fn open(table: &Table, view: View) -> Self {
        Self::with_conditions(table, view, 1)
    }

    /// Opens a scan for ranges of keys.
    pub fn open_range(table: &Table, view: View) -> Self {
        Self::with_conditions(table, view, 2)
    }

    fn with_conditions(table: &Table, view: View, conditions: i32) -> Self {
        // SAFETY: a snapshot is active. The latest snapshot is registered, because the next GetLatestSnapshot would
        // overwrite it.
        unsafe {
            match view {
                View::Statement => Self::under(table, pg_sys::GetActiveSnapshot(), conditions),
                View::Everything => Self::under(table, &raw mut pg_sys::SnapshotAnyData, conditions),
                View::Latest => {
                    let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot());
                    Self { registered: Some(snapshot), ..Self::under(table, snapshot, conditions) }
                }
            }
        }
    }

    /// # Safety
    /// The snapshot lives as long as the scan.
    pub(super) unsafe fn under(table: &Table, snapshot: *mut SnapshotData, conditions: i32) -> Self {
        // SAFETY: the table and its index are open.
        unsafe {
            let descriptor = compat::begin_index_scan(table.relation, table.index(), snapshot, conditions);
            let slot = pg_sys::table_slot_create(table.relation, std::ptr::null_mut());
            Self { descriptor, slot, registered: None }
        }
    }

    /// Looks a key up in the first column of the index. [`Scan::next`] then returns its rows.
    pub fn seek(&mut self, key: &str) {
        self.rescan(&mut [condition(pg_sys::BTEqualStrategyNumber, pg_sys::F_TEXTEQ, key)]);
    }

    /// Looks many keys up at once. [`Scan::next`] then returns their rows, in byte order of the keys.
    pub fn seek_any(&mut self, keys: &[&str]) {
        let keys = keys.to_vec().into_datum().unwrap_or(Datum::null());
        let (flags, equal) = (pg_sys::SK_SEARCHARRAY, pg_sys::BTEqualStrategyNumber);
        self.rescan(&mut [comparison(flags, equal, pg_sys::F_TEXTEQ, keys)]);
    }

    /// Goes to the first of the keys `from <= key < before`. [`Scan::next`] then returns their rows in byte order.
    pub fn seek_range(&mut self, from: &str, before: &str) {
        self.rescan(&mut [
            condition(pg_sys::BTGreaterEqualStrategyNumber, pg_sys::F_TEXT_GE, from),
            condition(pg_sys::BTLessStrategyNumber, pg_sys::F_TEXT_LT, before),
        ]);
    }

    fn rescan(&mut self, conditions: &mut [pg_sys::ScanKeyData]) {
        let count = conditions.len() as i32;
        // SAFETY: the scan is open. The conditions are copied, and their texts live until the end of the call.
        unsafe {
            debug_assert_eq!((*self.descriptor).numberOfKeys, count);
            pg_sys::index_rescan(self.descriptor, conditions.as_mut_ptr(), count, std::ptr::null_mut(), 0);
        }
    }

    /// The next row.
    pub fn next(&mut self) -> Option<Row> {
        let forward = pg_sys::ScanDirection::ForwardScanDirection;
        // SAFETY: the scan is open and stands at a key.
        unsafe { pg_sys::index_getnext_slot(self.descriptor, forward, self.slot) }.then_some(Row { slot: self.slot })
    }

    /// The first row of a key that `wanted` accepts.
    pub fn find(&mut self, key: &str, wanted: impl Fn(&Row) -> bool) -> Option<Row> {
        self.seek(key);
        std::iter::from_fn(|| self.next()).find(wanted)
    }

    /// Whether `wanted` accepts a version of a key's row that `view` shows.
    pub fn finds(table: &Table, view: View, key: &str, wanted: impl Fn(&Row) -> bool) -> bool {
        let mut scan = Self::open(table, view);
        let found = scan.find(key, wanted).is_some();
        scan.close();
        found
    }

    /// As [`Scan::find`], under an old snapshot, which may see two rows of a key: one that was removed since, and one
    /// that its own transaction wrote after that. Then only its own row counts, whether `wanted` accepts it or not.
    pub fn find_own_first(&mut self, key: &str, wanted: impl Fn(&Row) -> bool) -> Option<Row> {
        match self.find(key, Row::is_own) {
            Some(own) => wanted(&own).then_some(own),
            None => self.find(key, wanted),
        }
    }

    /// Where the row is that the scan stands on.
    pub fn spot(&self) -> Spot {
        // SAFETY: rows of a heap come in slots of this type, which has the buffer.
        let (tid, buffer) =
            unsafe { ((*self.slot).tts_tid, (*self.slot.cast::<pg_sys::BufferHeapTupleTableSlot>()).buffer) };
        Spot { page: block_of(&tid), row: tid.ip_posid, buffer: u32::try_from(buffer).unwrap_or(0) }
    }

    /// Ends the scan.
    pub fn close(self) {
        // SAFETY: closes what `open` opened, each once.
        unsafe {
            pg_sys::ExecDropSingleTupleTableSlot(self.slot);
            pg_sys::index_endscan(self.descriptor);
            if let Some(snapshot) = self.registered {
                pg_sys::UnregisterSnapshot(snapshot);
            }
        }
    }
}

/// A condition on the key.
fn condition(strategy: u32, function: u32, key: &str) -> pg_sys::ScanKeyData {
    comparison(0, strategy, function, key.into_datum().unwrap_or(Datum::null()))
}

/// A comparison of the key under the collation of the column, "C".
fn comparison(flags: u32, strategy: u32, function: u32, with: Datum) -> pg_sys::ScanKeyData {
    let mut condition = pg_sys::ScanKeyData::default();
    // SAFETY: fills the condition; the functions compare two texts.
    unsafe {
        pg_sys::ScanKeyEntryInitialize(
            &mut condition,
            flags as i32,
            1,
            strategy as u16,
            pg_sys::Oid::INVALID,
            pg_sys::C_COLLATION_OID,
            function.into(),
            with,
        );
    }
    condition
}
