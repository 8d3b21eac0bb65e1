//! The verdicts of the eviction on the entries that it has met, summed up.
//!
//! Owns these sums in shared memory. Must never be locked: a verdict that is taken by another session, or counted for
//! the next batch, moves the level a little earlier or later.

use cache_pg_rules::eviction::Met;
use std::sync::atomic::{AtomicU64, Ordering};

/// Sums of verdicts.
#[repr(C)]
pub struct Verdicts {
    judged: AtomicU64,
    evicted: AtomicU64,
    in_vain: AtomicU64,
}

impl Verdicts {
    /// Adds those on a page, and returns the sums.
    pub fn add(&self, met: Met) -> Met {
        let add = |sum: &AtomicU64, more| sum.fetch_add(more, Ordering::Relaxed) + more;
        Met {
            judged: add(&self.judged, met.judged),
            evicted: add(&self.evicted, met.evicted),
            in_vain: add(&self.in_vain, met.in_vain),
        }
    }

    /// Takes the sums, and begins anew.
    pub fn take(&self) -> Met {
        let [judged, evicted, in_vain] =
            [&self.judged, &self.evicted, &self.in_vain].map(|sum| sum.swap(0, Ordering::Relaxed));
        Met { judged, evicted, in_vain }
    }
}
