//! When the sweeper must look for entries to refresh ahead: a moment for each range of pages, and the earliest of them
//! for each database.
//!
//! Owns these moments. They follow the protocol of the bounds in [`ranges`]: transactions lower them at their commit,
//! and the sweeper raises them before it takes the snapshot with which it reads the range. Correctness never depends on
//! them: an entry that is looked at too late expires, and its next reader computes it. Must never make a writer take a
//! lock for each write: it wakes the launcher, which takes two, only for an earlier moment than was known.

use super::directory::{self, CAPACITY};
use super::ranges;
use crate::pg::{Steady, Timestamp, clock, transaction};
use cache_pg_rules::ranges::{Notes, RANGES};
use pgrx::{PGRXSharedMemory, PgAtomic, pg_shmem_init};
use std::cell::RefCell;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// No entry is to be looked at.
const NEVER: i64 = i64::MAX;
/// The longest sleep of the launcher: for a later moment it need not be woken.
pub const LAUNCHER_SLEEPS: Duration = Duration::from_secs(10);

struct Shared {
    /// By slot of the directory.
    next: [AtomicI64; CAPACITY],
    /// By map and range, as the bounds of [`ranges`].
    maps: [[AtomicI64; RANGES]; ranges::MAPS],
}

// SAFETY: atomics, no pointers.
unsafe impl PGRXSharedMemory for Shared {}

// SAFETY: the name is used once.
static SHARED: PgAtomic<Shared> = unsafe { PgAtomic::new(c"cache_pg refreshes") };

thread_local! {
    /// The pages in which the current transaction has written entries that are to be refreshed, and when.
    static NOTES: RefCell<Notes> = const { RefCell::new(Notes::new()) };
}

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    pg_shmem_init!(
        SHARED = Shared {
            next: [const { AtomicI64::new(NEVER) }; CAPACITY],
            maps: [const { [const { AtomicI64::new(NEVER) }; RANGES] }; ranges::MAPS],
        }
    );
}

/// Notes that the current transaction has written an entry into this page that is to be looked at from `at` on.
pub fn record(page: u32, at: i64) {
    if directory::attached() {
        NOTES.with_borrow_mut(|notes| notes.add(page, at));
        transaction::run_hooks_at_end();
    }
}

/// Discards the notes at the end of the current transaction.
pub fn drop_notes() {
    NOTES.with_borrow_mut(Notes::clear);
}

/// Lowers the moments of the pages that the current transaction has written. Called when other sessions can see its
/// rows. Wakes the launcher where it might come too late.
pub fn lower(slot: usize) {
    let lowered = NOTES.with_borrow_mut(|notes| {
        if notes.is_anywhere() {
            // The next turn reads every range, because the same notes of `ranges` say so.
            lower_next(slot, clock::now().0);
            return None;
        }
        for (page, at) in notes.places() {
            lower_range(slot, page, at);
        }
        notes.places().map(|(_, at)| at).min().filter(|&at| lower_next(slot, at))
    });
    if lowered.is_some_and(|at| at < clock::now().0.saturating_add(LAUNCHER_SLEEPS.as_micros() as i64)) {
        directory::wake(directory::look(|directory| directory.launcher).unwrap_or(0));
    }
}

/// Whether this is an earlier moment than was known.
fn lower_next(slot: usize, at: i64) -> bool {
    at < SHARED.get().next[slot].fetch_min(at, Ordering::SeqCst)
}

fn lower_range(slot: usize, page: u32, at: i64) {
    if let Some(moment) = moment(slot, page) {
        moment.fetch_min(at, Ordering::SeqCst);
    }
}

fn moment(slot: usize, page: u32) -> Option<&'static AtomicI64> {
    ranges::place_of(slot, page).map(|(map, range)| &SHARED.get().maps[map][range])
}

/// From when on the range of `page` must be read for refreshes.
pub fn bound(slot: usize, page: u32) -> i64 {
    moment(slot, page).map_or(NEVER, |moment| moment.load(Ordering::SeqCst))
}

/// The range of `page` is about to be read from its start. Called before the snapshot that reads it.
pub fn raise(slot: usize, page: u32) {
    if let Some(moment) = moment(slot, page) {
        moment.store(NEVER, Ordering::SeqCst);
    }
}

/// A part of the range of `page` was read, and something in it is to be looked at from `at` on.
pub fn leave(slot: usize, page: u32, at: i64) {
    lower_range(slot, page, at);
    lower_next(slot, at);
}

/// The sweeper is to come again at this moment, whatever it finds in the pages.
pub fn visit_again(slot: usize, at: i64) {
    lower_next(slot, at);
}

/// When the sweeper must come; [`Steady::NEVER`]: for no refresh.
pub fn visit_at(slot: usize) -> Steady {
    match SHARED.get().next[slot].load(Ordering::Relaxed) {
        NEVER => Steady::NEVER,
        at => Steady::at(Timestamp(at)),
    }
}

/// A turn of the sweeper begins: what is found or written from now on counts.
pub fn begin_turn(slot: usize) {
    SHARED.get().next[slot].store(NEVER, Ordering::SeqCst);
}

/// A range is passed over whose entries are to be looked at later.
pub fn pass(slot: usize, page: u32) {
    lower_next(slot, bound(slot, page));
}
