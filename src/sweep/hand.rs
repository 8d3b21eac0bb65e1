//! One step of the clock hand: walk some pages, remove what is due, wait for nobody.
//!
//! Owns the walk over the table below the executor: a TID range scan, and a delete that gives up on a row that
//! another transaction holds. Must never be used where a policy, trigger or rule has a say: that is for
//! `sweep.sql`, which goes through the executor.

use crate::datum::Timestamp;
use crate::home::{Home, column};
use cache_pg_rules::pace::Found;
use pgrx::pg_sys::{self, BlockNumber};

/// What a step did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Step {
    /// How many pages the table has.
    pub pages: BlockNumber,
    /// How many of them the step walked.
    pub walked: BlockNumber,
    /// Where the next step starts; 0: the turn is complete.
    pub next: BlockNumber,
    /// What it came across.
    pub found: Found,
    /// How many rows it removed.
    pub removed: u32,
    /// The earliest deadline of what it left.
    pub next_due: Option<i64>,
}

/// Locks the table for [`step`] to the end of the transaction, unless that means to wait for somebody.
pub fn try_lock(home: &Home) -> bool {
    // SAFETY: locks by number, in a transaction.
    unsafe { pg_sys::ConditionalLockRelationOid(home.entries, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE) }
}

/// Walks up to `pages` pages from `from` on and removes up to `most` rows that are due at `now`; None where the table
/// is gone.
///
/// Runs in the current transaction, which has locked the table, under the active snapshot.
pub fn step(home: &Home, from: BlockNumber, pages: BlockNumber, most: u32, now: Timestamp) -> Option<Step> {
    let locked = pg_sys::NoLock as pg_sys::LOCKMODE;
    // SAFETY: the table is locked; it may have been dropped before that.
    let relation = unsafe { pg_sys::try_table_open(home.entries, locked) };
    if relation.is_null() {
        return None;
    }
    // SAFETY: the relation is open and locked; closing it keeps the lock.
    unsafe {
        let step = walk(relation, from, pages, most, now);
        pg_sys::table_close(relation, locked);
        Some(step)
    }
}

/// # Safety
/// `relation` is `cache_entries`, open and locked; a snapshot is active.
unsafe fn walk(relation: pg_sys::Relation, from: BlockNumber, pages: BlockNumber, most: u32, now: Timestamp) -> Step {
    // SAFETY: the relation is open.
    let total = unsafe { pg_sys::RelationGetNumberOfBlocksInFork(relation, pg_sys::ForkNumber::MAIN_FORKNUM) };
    let mut step = Step { pages: total, ..Step::default() };
    if total == 0 {
        return step;
    }
    let first = if from < total { from } else { 0 };
    let end = first.saturating_add(pages.max(1)).min(total);
    let mut least = tid(first, 1);
    let mut greatest = tid(end - 1, u16::MAX);
    // SAFETY: the scan and its slot live until the end of this function, the bounds as long; a snapshot is active.
    // An error in between ends the transaction, which releases what they hold.
    unsafe {
        let snapshot = pg_sys::GetActiveSnapshot();
        let scan = pg_sys::table_beginscan_tidrange(relation, snapshot, &mut least, &mut greatest);
        let slot = pg_sys::table_slot_create(relation, std::ptr::null_mut());
        step.next = end;
        let forward = pg_sys::ScanDirection::ForwardScanDirection;
        while pg_sys::table_scan_getnextslot_tidrange(scan, forward, slot) {
            let page = block_of(&(*slot).tts_tid);
            if step.removed >= most {
                // The rest of this page is for the next step, and so is what it finds there.
                step.next = page;
                break;
            }
            step.found.rows += 1;
            let due_at = removable_at(slot);
            if due_at > now.0 {
                step.next_due = Some(step.next_due.map_or(due_at, |earliest| earliest.min(due_at)));
                continue;
            }
            step.found.due += 1;
            if remove(relation, &raw mut (*slot).tts_tid, snapshot) {
                step.removed += 1;
            } else {
                step.next_due = Some(now.0);
            }
        }
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        pg_sys::table_endscan(scan);
    }
    step.walked = step.next.saturating_sub(first).max(1);
    if step.next >= total {
        step.next = 0;
    }
    step
}

/// When the row may go: `coalesce(stale_until, expires_at)`.
///
/// # Safety
/// The slot holds a row of `cache_entries`.
unsafe fn removable_at(slot: *mut pg_sys::TupleTableSlot) -> i64 {
    // SAFETY: both columns exist, and deforming up to the later one fills both.
    unsafe {
        pg_sys::slot_getsomeattrs_int(slot, column::STALE_UNTIL as i32);
        let column =
            if *(*slot).tts_isnull.add(column::STALE_UNTIL - 1) { column::EXPIRES_AT } else { column::STALE_UNTIL };
        (*(*slot).tts_values.add(column - 1)).value() as i64
    }
}

/// Removes a row unless another transaction holds it or has changed it.
///
/// # Safety
/// `tid` is that of a row of `relation` that `snapshot` sees.
unsafe fn remove(relation: pg_sys::Relation, tid: pg_sys::ItemPointer, snapshot: pg_sys::Snapshot) -> bool {
    let mut failure = pg_sys::TM_FailureData::default();
    // SAFETY: as the caller promises. The row is the one that the snapshot sees, so what was tested is what goes:
    // a newer version makes the result TM_Updated, a lock TM_BeingModified.
    let result = unsafe {
        pg_sys::table_tuple_delete(
            relation,
            tid,
            pg_sys::GetCurrentCommandId(true),
            snapshot,
            std::ptr::null_mut(),
            false,
            &mut failure,
            false,
        )
    };
    result == pg_sys::TM_Result::TM_Ok
}

fn tid(block: BlockNumber, offset: u16) -> pg_sys::ItemPointerData {
    let mut tid = pg_sys::ItemPointerData::default();
    pgrx::itemptr::item_pointer_set_all(&mut tid, block, offset);
    tid
}

fn block_of(tid: &pg_sys::ItemPointerData) -> BlockNumber {
    (u32::from(tid.ip_blkid.bi_hi) << 16) | u32::from(tid.ip_blkid.bi_lo)
}
