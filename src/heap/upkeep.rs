//! Maintenance of a table of the extension: walking its rows, and removing or replacing them without waiting.
//!
//! Owns these walks and removals. Like VACUUM they fire no trigger and no rule, evaluate no policy, and run no user
//! code. Must never wait for a row: a row that another transaction holds, or has changed since, stays until the next
//! walk.

use super::snapshot::{self, FullXid};
use super::table::{Table, check_replica_identity};
use super::write::{self, Updated};
use super::{lock::Contention, row::Row};
use crate::pg::compat;
use pgrx::pg_sys::{self, Datum, ItemPointer, Relation, Snapshot};

impl Table {
    /// The number of its pages.
    pub fn pages(&self) -> pg_sys::BlockNumber {
        // SAFETY: the relation is open.
        unsafe { pg_sys::RelationGetNumberOfBlocksInFork(self.relation, pg_sys::ForkNumber::MAIN_FORKNUM) }
    }

    /// Raises if removals are published and do not tell a subscriber which row they remove
    /// ([`check_replica_identity`]).
    pub fn check_removal(&self) {
        // SAFETY: the relation is open.
        unsafe { check_replica_identity(self.relation, pg_sys::CmdType::CMD_DELETE) };
    }

    /// Every snapshot of the table that is held or will be taken sees every committed transaction below this ID.
    pub fn horizon(&self) -> FullXid {
        // SAFETY: the relation is open; reads shared memory.
        snapshot::with_epoch(unsafe { pg_sys::GetOldestNonRemovableTransactionId(self.relation) })
    }

    /// Passes every row that the active snapshot sees to `visit`, in page order.
    pub fn each(&self, mut visit: impl FnMut(&Visited)) {
        // SAFETY: the relation is open and a snapshot active; scan and slot live until the end of this function. An
        // error in between ends the transaction, which releases what they hold.
        unsafe {
            let snapshot = pg_sys::GetActiveSnapshot();
            let scan = compat::begin_scan(self.relation, snapshot);
            let slot = pg_sys::table_slot_create(self.relation, std::ptr::null_mut());
            while pg_sys::table_scan_getnextslot(scan, pg_sys::ScanDirection::ForwardScanDirection, slot) {
                visit(&Visited { table: self, row: Row::in_slot(slot), snapshot });
            }
            pg_sys::ExecDropSingleTupleTableSlot(slot);
            pg_sys::table_endscan(scan);
        }
    }
}

/// A row that [`Table::each`] visits.
pub struct Visited<'a> {
    table: &'a Table,
    pub row: Row,
    snapshot: Snapshot,
}

impl Visited<'_> {
    /// Removes the row if no other transaction holds it. Returns whether it did.
    pub fn remove(&self) -> bool {
        // SAFETY: the slot holds a row of the table that the snapshot sees.
        unsafe { remove(self.table.relation, &self.row, self.snapshot, false) }
    }

    /// Replaces the row if no other transaction holds it.
    pub fn replace(&self, columns: &[Option<Datum>]) {
        let (Updated::Done | Updated::Overtaken | Updated::Held(_)) =
            write::update(self.table, &self.row, columns, Contention::GiveUp);
    }
}

/// Removes a row unless another transaction holds it or has changed it. `is_locked` says that this transaction holds
/// the row by [`lock`]. Then the deletion may wait, although no other transaction can hold the row: PostgreSQL checks
/// whether the holder is the current transaction only where it may wait.
///
/// # Safety
/// `row` is one of `relation` that `snapshot` sees.
pub unsafe fn remove(relation: Relation, row: &Row, snapshot: Snapshot, is_locked: bool) -> bool {
    let mut failure = pg_sys::TM_FailureData::default();
    // SAFETY: as the caller promises. The deletion is of the version that the snapshot sees and the caller has checked.
    // A newer version makes the result TM_Updated, a lock TM_BeingModified.
    unsafe {
        let delete = |wait, failure: &mut pg_sys::TM_FailureData| {
            compat::delete_row(relation, &raw mut (*row.slot).tts_tid, snapshot, wait, failure)
        };
        let outcome = delete(is_locked, &mut failure);
        // This transaction may hold the row itself: an update through the executor locks the row first, and the new
        // version keeps the lock. Then take the lock of a removal, without waiting. While it is held no other
        // transaction can hold the row, so the deletion waits for none.
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

/// Locks a row in the mode of a removal, unless another transaction holds it or has changed it.
///
/// # Safety
/// `tid` is that of a row of `relation` that `snapshot` sees.
pub unsafe fn lock(relation: Relation, tid: ItemPointer, snapshot: Snapshot) -> bool {
    let (mode, policy) = (pg_sys::LockTupleMode::LockTupleExclusive, pg_sys::LockWaitPolicy::LockWaitSkip);
    // SAFETY: as the caller promises.
    unsafe { super::lock::take(relation, tid, snapshot, mode, policy) == pg_sys::TM_Result::TM_Ok }
}
