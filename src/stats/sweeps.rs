//! What the hand has done.
//!
//! Written by the sweeper of a database alone; where the hand is now is in `sweep::directory`.

use super::memory;
use crate::pg::clock::{self, Steady};
use crate::shared::directory::Turn;
use cache_pg_rules::step::Step;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};

/// The longest error message that is kept.
const MAX_ERROR: usize = 256;

/// What was done, since the statistics began.
#[repr(C)]
pub struct Sweeps {
    /// Whole turns.
    pub turns: AtomicU64,
    /// Steps of them.
    pub steps: AtomicU64,
    /// Steps that failed.
    pub failures: AtomicU64,
    /// Rows that were looked at.
    pub rows: AtomicU64,
    /// Rows that were removed, of all kinds.
    pub removed: AtomicU64,
    /// Pages that were read.
    pub pages_read: AtomicU64,
    /// Pages that were passed over, because nothing could be due there.
    pub pages_skipped: AtomicU64,
    /// When the last whole turn ended.
    pub turn_ended_at: AtomicI64,
    /// How long the last whole turn took, in microseconds.
    pub turn_took: AtomicI64,
    /// When the turn that is under way began, by the clock that nobody sets.
    pub turn_began_at: AtomicI64,
    /// The longest time between a row's deadline and its removal in the last whole turn, in microseconds.
    pub lag: AtomicI64,
    /// The same of the turn that is under way.
    lag_so_far: AtomicI64,
    /// When a step last failed.
    pub failed_at: AtomicI64,
    /// How long the text of that error is. Who reads it while it is written may see a mixture.
    error_length: AtomicU32,
    error: [AtomicU8; MAX_ERROR],
}

impl Sweeps {
    /// Why a step last failed.
    pub fn last_error(&self) -> Option<String> {
        let length = self.error_length.load(Ordering::Acquire) as usize;
        let bytes: Vec<u8> = self.error.iter().take(length).map(|byte| byte.load(Ordering::Relaxed)).collect();
        (length > 0).then(|| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Begins anew.
    pub fn reset(&self) {
        let Self { turns, steps, failures, rows, removed, pages_read, pages_skipped, .. } = self;
        for counter in [turns, steps, failures, rows, removed, pages_read, pages_skipped] {
            counter.store(0, Ordering::Relaxed);
        }
        let Self { turn_ended_at, turn_took, turn_began_at, lag, lag_so_far, failed_at, .. } = self;
        for moment in [turn_ended_at, turn_took, turn_began_at, lag, lag_so_far, failed_at] {
            moment.store(0, Ordering::Relaxed);
        }
        self.error_length.store(0, Ordering::Relaxed);
    }
}

fn sweeps() -> Option<&'static Sweeps> {
    memory::area().map(|area| &area.sweeps)
}

/// A turn begins.
pub fn begin_turn() {
    if let Some(sweeps) = sweeps() {
        sweeps.turn_began_at.store(Steady::now().micros(), Ordering::Relaxed);
        sweeps.lag_so_far.store(0, Ordering::Relaxed);
    }
}

/// A step was taken.
pub fn step(step: &Step) {
    if let Some(sweeps) = sweeps() {
        sweeps.steps.fetch_add(1, Ordering::Relaxed);
        sweeps.rows.fetch_add(step.found.rows, Ordering::Relaxed);
        sweeps.removed.fetch_add(step.removed.into(), Ordering::Relaxed);
        sweeps.lag_so_far.fetch_max(step.lag, Ordering::Relaxed);
    }
}

/// A turn has ended.
pub fn end_turn(turn: &Turn) {
    if let Some(sweeps) = sweeps() {
        let took = Steady::now().micros().saturating_sub(sweeps.turn_began_at.load(Ordering::Relaxed));
        sweeps.turns.fetch_add(1, Ordering::Relaxed);
        sweeps.pages_read.fetch_add(turn.read.into(), Ordering::Relaxed);
        sweeps.pages_skipped.fetch_add(turn.skipped.into(), Ordering::Relaxed);
        sweeps.turn_took.store(took, Ordering::Relaxed);
        sweeps.turn_ended_at.store(clock::now().0, Ordering::Relaxed);
        sweeps.lag.store(sweeps.lag_so_far.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// A step has failed.
pub fn fail(why: &str) {
    if let Some(sweeps) = sweeps() {
        sweeps.failures.fetch_add(1, Ordering::Relaxed);
        sweeps.failed_at.store(clock::now().0, Ordering::Relaxed);
        let end = why.floor_char_boundary(MAX_ERROR);
        sweeps.error_length.store(0, Ordering::Relaxed);
        for (place, byte) in sweeps.error.iter().zip(why[..end].bytes()) {
            place.store(byte, Ordering::Relaxed);
        }
        sweeps.error_length.store(end as u32, Ordering::Release);
    }
}
