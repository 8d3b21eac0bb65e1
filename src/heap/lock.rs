//! Locks on single rows: whether a transaction may hold one, and taking one.
//!
//! Owns row locks. `heap_update` looks for holders of a row only if it may wait. Where it may not wait and meets a
//! holder, a server compiled with assertions stops. So a row that another transaction holds is locked before it is
//! updated. A lock writes WAL. Must never lock a row that no transaction holds, except on a server with assertions for
//! a caller that may not wait.

use super::row::Row;
use pgrx::pg_sys::{self, ItemPointer, LockTupleMode, LockWaitPolicy, Relation, Snapshot, TM_Result};
use std::sync::OnceLock;

/// What to do if another transaction holds the row, or may be about to insert it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contention {
    Wait,
    GiveUp,
}

/// Locks a version of a row, or returns why it could not. Takes none if the transaction already holds one as strong.
///
/// # Safety
/// `tid` is that of a row of `relation` that `snapshot` sees or that a dirty snapshot found.
pub(super) unsafe fn take(
    relation: Relation,
    tid: ItemPointer,
    snapshot: Snapshot,
    mode: LockTupleMode::Type,
    policy: LockWaitPolicy::Type,
) -> TM_Result::Type {
    // SAFETY: as the caller promises; the slot is made and dropped here.
    unsafe {
        let slot = pg_sys::table_slot_create(relation, std::ptr::null_mut());
        let result = pg_sys::table_tuple_lock(
            relation,
            tid,
            snapshot,
            slot,
            pg_sys::GetCurrentCommandId(true),
            mode,
            policy,
            0,
            &mut pg_sys::TM_FailureData::default(),
        );
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        result
    }
}

/// Whether the server was compiled with assertions. Never changes.
pub(super) fn are_assertions_on() -> bool {
    static ON: OnceLock<bool> = OnceLock::new();
    *ON.get_or_init(|| {
        // SAFETY: the name of the setting ends with a zero; its value is a text that PostgreSQL owns.
        let value = unsafe { pg_sys::GetConfigOption(c"debug_assertions".as_ptr(), true, false) };
        // SAFETY: as above.
        !value.is_null() && unsafe { std::ffi::CStr::from_ptr(value) } == c"on"
    })
}

impl Row {
    /// Whether a transaction, possibly the current one, may hold a lock on the row. Another transaction can take one at
    /// any time after the answer.
    pub(super) fn is_held(&self) -> bool {
        const NO_XID: u16 = pg_sys::HEAP_XMAX_INVALID as u16;
        const SEVERAL: u16 = pg_sys::HEAP_XMAX_IS_MULTI as u16;
        // SAFETY: the tuple is in the slot. Other backends may change these fields meanwhile, so the values belong to
        // some moment during the read.
        let (mask, holder) = unsafe {
            let header = self.tuple().t_data;
            ((&raw const (*header).t_infomask).read_volatile(), (*header).t_choice.t_heap.t_xmax)
        };
        // SAFETY: reads shared memory.
        mask & NO_XID == 0 && (mask & SEVERAL != 0 || unsafe { pg_sys::TransactionIdIsInProgress(holder) })
    }
}
