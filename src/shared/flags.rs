//! Shared memory: what backends tell the worker, a flag for each slot of the directory, without a lock.
//!
//! `written`: something was written there. Set by a backend when its transaction has become visible (one load, and a
//! store only where it was clear), cleared by a sweeper before it takes the first snapshot of a turn: so what a turn
//! cannot see asks for another one. `pressed`: room is needed. Set by whoever adds entries near the limit, who wakes
//! the worker then; cleared by a sweeper before it looks how much. Everything is lost in a crash restart and found
//! again by looking.

use super::directory::{self, CAPACITY};
use super::ranges;
use crate::pg::transaction;
use pgrx::prelude::*;
use pgrx::{PgAtomic, pg_shmem_init, pg_sys};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

type Flags = [AtomicBool; CAPACITY];

static WRITTEN: PgAtomic<Flags> = unsafe {
    // SAFETY: the name is used once.
    PgAtomic::new(c"cache_pg written")
};
static PRESSED: PgAtomic<Flags> = unsafe {
    // SAFETY: the name is used once.
    PgAtomic::new(c"cache_pg pressed")
};

thread_local! {
    /// The slot to flag when the current transaction commits.
    static TO_FLAG: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    pg_shmem_init!(WRITTEN = [const { AtomicBool::new(false) }; CAPACITY]);
    pg_shmem_init!(PRESSED = [const { AtomicBool::new(false) }; CAPACITY]);
}

/// Says that the current transaction writes in this database: from its commit on, the next turn does not wait for
/// a known deadline.
pub fn record_write() {
    TO_FLAG.set(directory::mine());
    transaction::run_hooks_at_end();
}

/// Runs when the transaction has left the list of running ones, so whoever reads the flag can see what it wrote.
pub fn at_end_of_transaction(event: pg_sys::XactEvent::Type) {
    use pg_sys::XactEvent::{XACT_EVENT_ABORT, XACT_EVENT_COMMIT, XACT_EVENT_PREPARE};
    match event {
        XACT_EVENT_COMMIT => {
            if let Some(slot) = TO_FLAG.take() {
                // Before the flag: who sees that must find these.
                ranges::lower_bounds(slot);
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
}

/// Everything that is known of when something is due is in doubt, in every database: the next turn of each reads all.
pub fn doubt_all() {
    for slot in 0..CAPACITY {
        // Before the flag, as ever.
        ranges::doubt(slot);
        WRITTEN.get()[slot].store(true, Ordering::SeqCst);
    }
}

/// Whether something was written since the flag was cleared.
pub fn written(slot: usize) -> bool {
    WRITTEN.get()[slot].load(Ordering::Relaxed)
}

/// Clears the flag: what is written from now on asks for another turn.
pub fn clear_written(slot: usize) {
    WRITTEN.get()[slot].store(false, Ordering::SeqCst);
}

/// Says that room is needed in this backend's database, and wakes who can make it.
pub fn call_for_room() {
    let Some(slot) = directory::mine().filter(|&slot| !pressed(slot)) else { return };
    if !PRESSED.get()[slot].swap(true, Ordering::SeqCst) {
        let processes = directory::look(|directory| [directory.slots[slot].sweeper, directory.launcher]);
        processes.into_iter().flatten().for_each(directory::wake);
    }
}

/// Says that room is still needed.
pub fn press(slot: usize) {
    PRESSED.get()[slot].store(true, Ordering::SeqCst);
}

/// Whether room is needed.
pub fn pressed(slot: usize) -> bool {
    PRESSED.get()[slot].load(Ordering::Relaxed)
}

/// The same, and clears the flag: whoever needs room from now on says so anew.
pub fn take_pressed(slot: usize) -> bool {
    PRESSED.get()[slot].swap(false, Ordering::SeqCst)
}
