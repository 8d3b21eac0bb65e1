//! The work of the sweeper of a database: the type.
//!
//! Owns its layout in shared memory. The sweeper writes it; a backend that makes room at its commit writes a failure.
//! Must never hold where the sweeper is now: that is in `shared::directory`.

use crate::pg::{Steady, clock};
use crate::shared::Turn;
use cache_pg_rules::step::Step;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};

/// The longest error message that is kept, in bytes.
const MAX_ERROR: usize = 256;

/// What was done since the extension was created, or the statistics were lost. Times are in microseconds.
#[repr(C)]
pub struct SweeperStats {
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
    /// How long the last whole turn took.
    pub turn_took: AtomicI64,
    /// When the turn under way began, by the monotonic clock.
    turn_began_at: AtomicI64,
    /// The longest time between a row's deadline and its removal in the last whole turn.
    pub lag: AtomicI64,
    /// The same of the turn under way.
    lag_so_far: AtomicI64,
    /// When a step last failed.
    pub failed_at: AtomicI64,
    /// The length of that error's text. A reader may see a mixture of two texts while one is written.
    error_length: AtomicU32,
    error: [AtomicU8; MAX_ERROR],
}

impl SweeperStats {
    /// Why a step last failed.
    pub fn last_error(&self) -> Option<String> {
        let length = self.error_length.load(Ordering::Acquire) as usize;
        let bytes: Vec<u8> = self.error.iter().take(length).map(|byte| byte.load(Ordering::Relaxed)).collect();
        (length > 0).then(|| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Sets everything to zero.
    pub(super) fn clear(&self) {
        let Self { turns, steps, failures, rows, removed, pages_read, pages_skipped, .. } = self;
        for counter in [turns, steps, failures, rows, removed, pages_read, pages_skipped] {
            counter.store(0, Ordering::Relaxed);
        }
        let Self { turn_ended_at, turn_took, turn_began_at, lag, lag_so_far, failed_at, .. } = self;
        for time in [turn_ended_at, turn_took, turn_began_at, lag, lag_so_far, failed_at] {
            time.store(0, Ordering::Relaxed);
        }
        self.error_length.store(0, Ordering::Relaxed);
    }

    pub(super) fn begin_turn(&self) {
        self.turn_began_at.store(Steady::now().micros(), Ordering::Relaxed);
        self.lag_so_far.store(0, Ordering::Relaxed);
    }

    pub(super) fn count_step(&self, step: &Step) {
        self.steps.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(step.found.rows, Ordering::Relaxed);
        self.removed.fetch_add(step.removed.into(), Ordering::Relaxed);
        self.lag_so_far.fetch_max(step.lag, Ordering::Relaxed);
    }

    pub(super) fn end_turn(&self, turn: &Turn) {
        let took = Steady::now().micros().saturating_sub(self.turn_began_at.load(Ordering::Relaxed));
        self.turns.fetch_add(1, Ordering::Relaxed);
        self.pages_read.fetch_add(turn.read.into(), Ordering::Relaxed);
        self.pages_skipped.fetch_add(turn.skipped.into(), Ordering::Relaxed);
        self.turn_took.store(took, Ordering::Relaxed);
        self.turn_ended_at.store(clock::now().0, Ordering::Relaxed);
        self.lag.store(self.lag_so_far.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    pub(super) fn count_failure(&self, why: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.failed_at.store(clock::now().0, Ordering::Relaxed);
        let end = why.floor_char_boundary(MAX_ERROR);
        self.error_length.store(0, Ordering::Relaxed);
        for (kept, byte) in self.error.iter().zip(why[..end].bytes()) {
            kept.store(byte, Ordering::Relaxed);
        }
        self.error_length.store(end as u32, Ordering::Release);
    }
}
