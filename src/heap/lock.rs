//! Locks on single rows: whether somebody may hold one, and taking one.
//!
//! PostgreSQL's own update asks who holds a row only where it may wait, and a server that was compiled with assertions
//! stops where it meets a holder and may not. So a row that somebody holds is locked before it is updated. That costs
//! WAL: must never be done to a row that nobody holds, except on such a server, for a caller who may not wait.

use super::row::Row;
use pgrx::pg_sys::{self, ItemPointer, LockTupleMode, LockWaitPolicy, Relation, Snapshot, TM_Result};
use std::sync::OnceLock;

/// What to do where another transaction holds the row, or may be about to insert it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contention {
    Wait,
    GiveUp,
}

/// Locks a version of a row, or says why not. Takes nothing where the transaction holds as much.
///
/// # Safety
/// `tid` is that of a row of `relation` that `snapshot` sees, or that a dirty snapshot found.
pub(super) unsafe fn take(
    relation: Relation,
    tid: ItemPointer,
    snapshot: Snapshot,
    mode: LockTupleMode::Type,
    policy: LockWaitPolicy::Type,
) -> TM_Result::Type {
    // SAFETY: as the caller promises; the slot is ours.
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

/// Whether the server stops where PostgreSQL's own rules are broken. Changes never.
pub(super) fn are_assertions_on() -> bool {
    static ON: OnceLock<bool> = OnceLock::new();
    *ON.get_or_init(|| {
        // SAFETY: the setting's name ends with a zero; its value is a text of PostgreSQL's.
        let value = unsafe { pg_sys::GetConfigOption(c"debug_assertions".as_ptr(), true, false) };
        // SAFETY: as above.
        !value.is_null() && unsafe { std::ffi::CStr::from_ptr(value) } == c"on"
    })
}

impl Row {
    /// Whether some transaction, possibly this one, may hold a lock on it. Somebody may take one at any time.
    pub(super) fn is_held(&self) -> bool {
        const NO_XID: u16 = pg_sys::HEAP_XMAX_INVALID as u16;
        const SEVERAL: u16 = pg_sys::HEAP_XMAX_IS_MULTI as u16;
        // SAFETY: the tuple is in the slot. Others may change it meanwhile: what is read belongs to some moment.
        let (mask, holder) = unsafe {
            let header = self.tuple().t_data;
            ((&raw const (*header).t_infomask).read_volatile(), (*header).t_choice.t_heap.t_xmax)
        };
        // SAFETY: looks at shared memory.
        mask & NO_XID == 0 && (mask & SEVERAL != 0 || unsafe { pg_sys::TransactionIdIsInProgress(holder) })
    }
}
