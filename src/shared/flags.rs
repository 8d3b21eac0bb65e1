//! Shared memory: flags by which backends tell the worker something, two for each slot of the directory.
//!
//! Owns these flags. Must never take a lock. A crash restart loses all flags, and the sweeper looks for itself.
//!
//! - `written`: a transaction has written in that database. A backend sets it when its transaction has become visible
//!   (one load, and a store only if the flag is clear). The sweeper clears it before it takes the first snapshot of a
//!   turn. So a write that the turn cannot see asks for another turn.
//! - `pressed`: room is needed. A backend that adds entries near the limit sets it, and wakes the worker. The sweeper
//!   clears it before it looks how much room is needed.

use super::directory::{self, CAPACITY};
use super::{ranges, refreshes};
use crate::pg::transaction;
use pgrx::{PgAtomic, pg_shmem_init, pg_sys};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

type Flags = [AtomicBool; CAPACITY];

// SAFETY: the name is used once.
static WRITTEN: PgAtomic<Flags> = unsafe { PgAtomic::new(c"cache_pg written") };
// SAFETY: the name is used once.
static PRESSED: PgAtomic<Flags> = unsafe { PgAtomic::new(c"cache_pg pressed") };

thread_local! {
    /// The slot to flag when the current transaction commits.
    static TO_FLAG: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    pg_shmem_init!(WRITTEN = [const { AtomicBool::new(false) }; CAPACITY]);
    pg_shmem_init!(PRESSED = [const { AtomicBool::new(false) }; CAPACITY]);
}

/// Records that the transaction writes in this database. From its commit on, the next turn waits for no known deadline.
pub fn record_write() {
    TO_FLAG.set(directory::mine());
    transaction::run_hooks_at_end();
}

/// At the commit sets the flag. At that moment the transaction has left the list of running ones, so a process that
/// reads the flag can see its writes.
pub fn at_end_of_transaction(event: pg_sys::XactEvent::Type) {
    use pg_sys::XactEvent::{XACT_EVENT_ABORT, XACT_EVENT_COMMIT, XACT_EVENT_PREPARE};
    match event {
        XACT_EVENT_COMMIT => {
            if let Some(slot) = TO_FLAG.take() {
                // Before the flag: a sweeper that sees the flag must find the lowered bounds.
                ranges::lower_bounds(slot);
                refreshes::lower(slot);
                let flag = &WRITTEN.get()[slot];
                if !flag.load(Ordering::Relaxed) {
                    flag.store(true, Ordering::SeqCst);
                }
            }
        }
        XACT_EVENT_ABORT | XACT_EVENT_PREPARE => TO_FLAG.set(None),
        _ => return,
    }
    ranges::drop_notes();
    refreshes::drop_notes();
}

/// Discards all knowledge of deadlines, in every database: the next turn of each reads every page.
pub fn doubt_all() {
    for slot in 0..CAPACITY {
        // Before the flag, as above.
        ranges::doubt(slot);
        WRITTEN.get()[slot].store(true, Ordering::SeqCst);
    }
}

/// Whether a transaction has written since the flag was cleared.
pub fn written(slot: usize) -> bool {
    WRITTEN.get()[slot].load(Ordering::Relaxed)
}

/// Clears the flag. A write from now on asks for another turn.
pub fn clear_written(slot: usize) {
    WRITTEN.get()[slot].store(false, Ordering::SeqCst);
}

/// Sets the flag of this backend's database if it is clear, and wakes its sweeper and the launcher.
pub fn call_for_room() {
    let Some(slot) = directory::mine().filter(|&slot| !pressed(slot)) else { return };
    if !PRESSED.get()[slot].swap(true, Ordering::SeqCst) {
        let processes = directory::look(|directory| [directory.slots[slot].sweeper, directory.launcher]);
        processes.into_iter().flatten().for_each(directory::wake);
    }
}

/// Sets the flag again: room is still needed.
pub fn press(slot: usize) {
    PRESSED.get()[slot].store(true, Ordering::SeqCst);
}

/// Whether room is needed.
pub fn pressed(slot: usize) -> bool {
    PRESSED.get()[slot].load(Ordering::Relaxed)
}

/// Whether room is needed; clears the flag. A backend that needs room from now on sets it again.
pub fn take_pressed(slot: usize) -> bool {
    PRESSED.get()[slot].swap(false, Ordering::SeqCst)
}
