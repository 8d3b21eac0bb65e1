//! Which transactions a snapshot sees, by their full transaction IDs.
//!
//! Owns full transaction IDs and the test of one against a snapshot. A full ID is that of a top-level transaction
//! (`pg_current_xact_id`) and never repeats while the server runs. So a snapshot can be stored and tested later, as in
//! `pg_visible_in_snapshot`. Must never be used on a standby: its snapshots list no running transactions.

use pgrx::pg_sys::{self, TransactionId};
use std::cell::Cell;

/// A full transaction ID: the number of a transaction with its epoch.
pub type FullXid = u64;

/// The version of a row whose key no transaction has written yet. Every snapshot sees it.
pub const NO_XID: FullXid = 0;

/// The current transaction. This assigns it an ID if it has none.
pub fn current() -> FullXid {
    // SAFETY: assigns an ID if there is none yet; raises where nothing may be written.
    unsafe { pg_sys::GetTopFullTransactionId() }.value
}

/// The current transaction, if it has an ID.
pub fn current_if_assigned() -> Option<FullXid> {
    // SAFETY: reads this backend's state.
    let current = unsafe { pg_sys::GetTopFullTransactionIdIfAny() }.value;
    (current != 0).then_some(current)
}

/// Whether a transaction can have this ID: it is below the next one to be assigned. A forged row may carry any ID.
pub fn is_possible(xid: FullXid) -> bool {
    if xid < KNOWN_NEXT.get() {
        return true;
    }
    // SAFETY: reads a counter in shared memory.
    let next = unsafe { pg_sys::ReadNextFullTransactionId() }.value;
    KNOWN_NEXT.set(next);
    xid < next
}

/// Makes the writes of this transaction so far visible to its next command and its next snapshot.
pub fn see_own_work() {
    // SAFETY: does nothing if nothing was written since the last call; raises in a parallel worker.
    unsafe { pg_sys::CommandCounterIncrement() };
}

/// The (sub)transaction that wrote a version of a row. `FrozenTransactionId` for a frozen row: its xmin has no meaning
/// any more, and two thousand million transactions later it would look like one of the future.
///
/// # Safety
/// The header is that of a row in a pinned buffer, or of a copy.
pub unsafe fn writer_of(header: *const pg_sys::HeapTupleHeaderData) -> TransactionId {
    let frozen = pg_sys::HEAP_XMIN_FROZEN as u16;
    // SAFETY: as the caller promises.
    unsafe {
        match (*header).t_infomask & frozen == frozen {
            true => pg_sys::FrozenTransactionId,
            false => (*header).t_choice.t_heap.t_xmin,
        }
    }
}

thread_local! {
    /// The last transaction of this backend that made a blind write over a version that its own snapshot does not see.
    static BLIND_IN: Cell<Option<FullXid>> = const { Cell::new(None) };
    /// The next ID to be assigned, as last read: every ID below it has been assigned.
    static KNOWN_NEXT: Cell<FullXid> = const { Cell::new(0) };
}

/// Records that the current transaction, `xid`, has deleted or invalidated a row that another transaction changed after
/// its snapshot. From now on a row that carries its own ID does not prove that no other transaction wrote it.
pub fn mark_blind(xid: FullXid) {
    BLIND_IN.set(Some(xid));
}

/// The transactions that a snapshot sees: those below `xmin`, and those below `xmax` that are not in `running`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The oldest transaction that was running.
    pub xmin: FullXid,
    /// The first one that had not begun.
    pub xmax: FullXid,
    /// The running ones in between, sorted.
    pub running: Vec<FullXid>,
    /// Whether the current transaction counts as seen.
    pub own: bool,
}

impl Seen {
    /// The view of the calling statement's snapshot, together with the transaction's own work.
    pub fn by_statement() -> Self {
        // SAFETY: a snapshot is active in every function call.
        unsafe { Self::by(pg_sys::GetActiveSnapshot()) }
    }

    /// The view of a snapshot taken now. The statement's own snapshot is older, so it keeps every version that this one
    /// may need from being pruned.
    pub fn by_latest() -> Self {
        // SAFETY: the snapshot is read before the next one overwrites it.
        unsafe { Self::by(pg_sys::GetLatestSnapshot()) }
    }

    /// # Safety
    /// The snapshot is an ordinary one, and valid.
    unsafe fn by(snapshot: pg_sys::Snapshot) -> Self {
        // SAFETY: its arrays are as long as it says.
        let (xmin, xmax, mut running) = unsafe {
            let snapshot = &*snapshot;
            let running: Vec<FullXid> = (0..snapshot.xcnt as usize).map(|i| with_epoch(*snapshot.xip.add(i))).collect();
            (with_epoch(snapshot.xmin), with_epoch(snapshot.xmax), running)
        };
        running.sort_unstable();
        Self { xmin, xmax, running, own: true }
    }

    /// The same view for other sessions, which see nothing of the current transaction. After a crash the server may
    /// assign later IDs again, so to be safe the view excludes every transaction that began after the current one.
    pub fn for_others(mut self) -> Self {
        self.xmax = current_if_assigned().map_or(self.xmax, |own| own.min(self.xmax));
        self.xmin = self.xmin.min(self.xmax);
        self.running.retain(|&version| version < self.xmax);
        self.own = false;
        self
    }

    /// Whether the snapshot sees the transaction `version`, and its write hides no change that the snapshot does not
    /// see. Only the current transaction can hide a change from its own snapshot, by a blind write. A snapshot that
    /// sees the transaction after its commit also sees the hidden change.
    pub fn vouches_for(&self, version: FullXid) -> bool {
        let hides_others = || BLIND_IN.get() == Some(version) && current_if_assigned() == Some(version);
        self.contains(version) && !hides_others()
    }

    /// Whether the snapshot sees the transaction.
    pub fn contains(&self, version: FullXid) -> bool {
        version < self.xmin
            || version < self.xmax && self.running.binary_search(&version).is_err()
            || self.own && current_if_assigned() == Some(version)
    }

    /// Whether the snapshot sees a (sub)transaction other than the current one, given by the xmin of a row. A
    /// subtransaction counts as its top-level transaction, as in `XidInMVCCSnapshot`, because lists of running
    /// transactions do not contain it. False if its top-level transaction cannot be looked up any more.
    pub(super) fn contains_writer(&self, writer: TransactionId) -> bool {
        if writer == pg_sys::FrozenTransactionId || with_epoch(writer) < self.xmin {
            return true;
        }
        // SAFETY: reads this backend's state and pg_subtrans, which reaches back to the oldest transaction that a
        // snapshot of this backend may have to look up.
        unsafe {
            if pg_sys::TransactionIdPrecedes(writer, pg_sys::TransactionXmin) {
                return false;
            }
            let whole = pg_sys::SubTransGetTopmostTransaction(writer);
            with_epoch(whole) < self.xmin
                || !pg_sys::TransactionIdPrecedes(whole, pg_sys::TransactionXmin) && self.contains(with_epoch(whole))
        }
    }
}

/// Adds the epoch to an ID that is still in use, and so lies within 2^31 of the next one.
pub(super) fn with_epoch(number: TransactionId) -> FullXid {
    if u32::from(number) < u32::from(pg_sys::FirstNormalTransactionId) {
        return NO_XID;
    }
    // SAFETY: reads a counter in shared memory.
    let next = unsafe { pg_sys::ReadNextFullTransactionId() }.value;
    let behind = (next as u32).wrapping_sub(u32::from(number)) as i32;
    next.wrapping_add_signed(-i64::from(behind))
}
