//! Upkeep of a table of ours: its rows one after the other, removed or replaced without waiting.
//!
//! Like VACUUM it fires no trigger and no rule, asks no policy, and runs nobody's code. Must never wait for a row: what
//! another transaction holds, or has changed since, stays for the next time.

use super::lock::Contention;
use super::row::Row;
use super::snapshot::{self, FullXid};
use super::table::{Table, check_replica_identity};
use super::write::{self, Updated};
use pgrx::pg_sys::{self, Datum, ItemPointer, Relation, Snapshot};

impl Table {
    /// How many pages it has.
    pub fn pages(&self) -> pg_sys::BlockNumber {
        // SAFETY: the relation is open.
        unsafe { pg_sys::RelationGetNumberOfBlocksInFork(self.relation, pg_sys::ForkNumber::MAIN_FORKNUM) }
    }

    /// Raises where a removal is published and a subscriber could not tell of which row ([`check_replica_identity`]).
    pub fn check_removal(&self) {
        // SAFETY: the relation is open.
        unsafe { check_replica_identity(self.relation, pg_sys::CmdType::CMD_DELETE) };
    }

    /// What was committed before this transaction, every snapshot of the table sees that somebody holds or will take.
    pub fn horizon(&self) -> FullXid {
        // SAFETY: the relation is open; looks at shared memory.
        snapshot::with_epoch(unsafe { pg_sys::GetOldestNonRemovableTransactionId(self.relation) })
    }

    /// Hands every row that the active snapshot sees to `visit`, in the order of the pages.
    pub fn each(&self, mut visit: impl FnMut(&Visited)) {
        // SAFETY: the relation is open and a snapshot active; scan and slot live until the end of this function. An
        // error in between ends the transaction, which releases what they hold.
        unsafe {
            let snapshot = pg_sys::GetActiveSnapshot();
            let scan = pg_sys::table_beginscan(self.relation, snapshot, 0, std::ptr::null_mut());
            let slot = pg_sys::table_slot_create(self.relation, std::ptr::null_mut());
            while pg_sys::table_scan_getnextslot(scan, pg_sys::ScanDirection::ForwardScanDirection, slot) {
                visit(&Visited { table: self, row: Row::in_slot(slot), snapshot });
            }
            pg_sys::ExecDropSingleTupleTableSlot(slot);
            pg_sys::table_endscan(scan);
        }
    }
}

/// A row that [`Table::each`] has come to.
pub struct Visited<'a> {
    table: &'a Table,
    pub row: Row,
    snapshot: Snapshot,
}

impl Visited<'_> {
    /// Removes the row, if nobody holds it; whether it did.
    pub fn remove(&self) -> bool {
        // SAFETY: the slot holds a row of the table that the snapshot sees.
        unsafe { remove(self.table.relation, &self.row, self.snapshot, false) }
    }

    /// Replaces the row, if nobody holds it.
    pub fn replace(&self, columns: &[Option<Datum>]) {
        let (Updated::Done | Updated::Overtaken | Updated::Held(_)) =
            write::update(self.table, &self.row, columns, Contention::GiveUp);
    }
}

/// Removes a row unless another transaction holds it or has changed it. `is_locked`: by us, with [`lock`], so there is
/// nobody to wait for, but PostgreSQL asks who it is only where it may wait.
///
/// # Safety
/// `row` is one of `relation` that `snapshot` sees.
pub unsafe fn remove(relation: Relation, row: &Row, snapshot: Snapshot, is_locked: bool) -> bool {
    let mut failure = pg_sys::TM_FailureData::default();
    // SAFETY: as the caller promises. The row is the one that the snapshot sees, so what was tested is what goes:
    // a newer version makes the result TM_Updated, a lock TM_BeingModified.
    unsafe {
        let delete = |wait, failure: &mut pg_sys::TM_FailureData| {
            pg_sys::table_tuple_delete(
                relation,
                &raw mut (*row.slot).tts_tid,
                pg_sys::GetCurrentCommandId(true),
                snapshot,
                std::ptr::null_mut(),
                wait,
                failure,
                false,
            )
        };
        let outcome = delete(is_locked, &mut failure);
        // An update through the executor has locked the row first, and its new version keeps the lock. We do not wait
        // for ourselves, nor for somebody who has locked the row besides since: with a lock of our own nobody can.
        let is_own = outcome == pg_sys::TM_Result::TM_BeingModified
            && !row.has_multixact()
            && pg_sys::TransactionIdIsCurrentTransactionId(failure.xmax);
        let outcome = match is_own && lock(relation, &raw mut (*row.slot).tts_tid, snapshot) {
            true => delete(true, &mut failure),
            false => outcome,
        };
        outcome == pg_sys::TM_Result::TM_Ok
    }
}

/// Locks a row as a removal does, unless another transaction holds it or has changed it.
///
/// # Safety
/// `tid` is that of a row of `relation` that `snapshot` sees.
pub unsafe fn lock(relation: Relation, tid: ItemPointer, snapshot: Snapshot) -> bool {
    let (mode, policy) = (pg_sys::LockTupleMode::LockTupleExclusive, pg_sys::LockWaitPolicy::LockWaitSkip);
    // SAFETY: as the caller promises.
    unsafe { super::lock::take(relation, tid, snapshot, mode, policy) == pg_sys::TM_Result::TM_Ok }
}
