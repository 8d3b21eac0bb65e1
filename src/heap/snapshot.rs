//! What a snapshot sees of a transaction, given by its number with epoch.
//!
//! The numbers are those of whole transactions (`pg_current_xact_id`), which never come again while the server runs; so
//! a snapshot can be written down, and what it sees told later (`pg_visible_in_snapshot`). Must never be asked on a
//! standby: its snapshots list no running transactions.

use pgrx::pg_sys::{self, TransactionId};
use std::cell::Cell;

/// A transaction: its number with the epoch.
pub type FullXid = u64;

/// The version of a row that nobody has written yet: every snapshot sees it.
pub const NO_XID: FullXid = 0;

/// The current transaction, which gets a number by that.
pub fn current() -> FullXid {
    // SAFETY: assigns a number where there is none yet; raises where nothing may be written.
    unsafe { pg_sys::GetTopFullTransactionId() }.value
}

/// The current transaction, if it has a number.
pub fn current_if_assigned() -> Option<FullXid> {
    // SAFETY: reads this backend's state.
    let current = unsafe { pg_sys::GetTopFullTransactionIdIfAny() }.value;
    (current != 0).then_some(current)
}

/// Whether some transaction can have this number: the next one has not begun. What a forged row says is not possible.
pub fn is_possible(xid: FullXid) -> bool {
    if xid < KNOWN_NEXT.get() {
        return true;
    }
    // SAFETY: reads a counter in shared memory.
    let next = unsafe { pg_sys::ReadNextFullTransactionId() }.value;
    KNOWN_NEXT.set(next);
    xid < next
}

/// Makes what this transaction has written so far visible to its next command and its next snapshot.
pub fn see_own_work() {
    // SAFETY: does nothing where nothing was written since; raises in a parallel worker.
    unsafe { pg_sys::CommandCounterIncrement() };
}

/// The (sub)transaction that wrote a version of a row; `FrozenTransactionId` of a frozen one, which keeps a number that
/// means nothing any more: two thousand million transactions later it is one of the future.
///
/// # Safety
/// The header is that of a row in a buffer that is pinned, or of a copy.
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
    /// The transaction, the last one of this backend, that wrote over what its own snapshot does not see.
    static BLIND_IN: Cell<Option<FullXid>> = const { Cell::new(None) };
    /// A number that had not been given out when somebody last asked: all below it had.
    static KNOWN_NEXT: Cell<FullXid> = const { Cell::new(0) };
}

/// The current transaction, `version`, has deleted or invalidated what another one has changed since its snapshot: from
/// now on what it wrote itself is no proof that nothing else was written.
pub fn mark_blind(xid: FullXid) {
    BLIND_IN.set(Some(xid));
}

/// Which transactions a snapshot sees: those under `xmin`, and those under `xmax` that are not in `running`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The oldest transaction that was running.
    pub xmin: FullXid,
    /// The first one that had not begun.
    pub xmax: FullXid,
    /// Those in between that were running, in order.
    pub running: Vec<FullXid>,
    /// Whether the current transaction counts too.
    pub own: bool,
}

impl Seen {
    /// By the snapshot of the calling statement, together with the transaction's own work.
    pub fn by_statement() -> Self {
        // SAFETY: a snapshot is active in every function call.
        unsafe { Self::by(pg_sys::GetActiveSnapshot()) }
    }

    /// By a snapshot of now. The statement's own, which is older, keeps what that does not see from being removed.
    pub fn by_latest() -> Self {
        // SAFETY: the snapshot is read before anybody asks for another.
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

    /// The same for others, who see nothing of the current transaction; nor, to be safe against numbers that a crash
    /// makes the server give out again, of what began after it.
    pub fn for_others(mut self) -> Self {
        self.xmax = current_if_assigned().map_or(self.xmax, |own| own.min(self.xmax));
        self.xmin = self.xmin.min(self.xmax);
        self.running.retain(|&version| version < self.xmax);
        self.own = false;
        self
    }

    /// Whether it sees what the transaction wrote, and nothing that it does not see is hidden by that. What the current
    /// one has hidden from its own snapshot, a snapshot that sees it when it has committed sees too.
    pub fn vouches_for(&self, version: FullXid) -> bool {
        let hides_others = || BLIND_IN.get() == Some(version) && current_if_assigned() == Some(version);
        self.contains(version) && !hides_others()
    }

    /// Whether it sees what the transaction wrote.
    pub fn contains(&self, version: FullXid) -> bool {
        version < self.xmin
            || version < self.xmax && self.running.binary_search(&version).is_err()
            || self.own && current_if_assigned() == Some(version)
    }

    /// Whether it sees what a (sub)transaction of others wrote, given by the number that a row carries. A
    /// subtransaction counts as the whole transaction, as in `XidInMVCCSnapshot`: its own number is in no list of
    /// running ones. False where nobody can say any more which transaction it was a part of.
    pub(super) fn contains_writer(&self, writer: TransactionId) -> bool {
        if writer == pg_sys::FrozenTransactionId || with_epoch(writer) < self.xmin {
            return true;
        }
        // SAFETY: look at this backend's state and at pg_subtrans, which reaches back to the oldest transaction that
        // this backend's snapshots may have to ask for.
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

/// The number with the epoch that it had to have to be of use now.
pub(super) fn with_epoch(number: TransactionId) -> FullXid {
    if u32::from(number) < u32::from(pg_sys::FirstNormalTransactionId) {
        return NO_XID;
    }
    // SAFETY: reads a counter in shared memory.
    let next = unsafe { pg_sys::ReadNextFullTransactionId() }.value;
    let behind = (next as u32).wrapping_sub(u32::from(number)) as i32;
    next.wrapping_add_signed(-i64::from(behind))
}
