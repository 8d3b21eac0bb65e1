//! How much there is, by what is committed.
//!
//! Owns two words in shared memory. Must never change before the commit, nor be read as a pair: the words do not change
//! together.

use cache_pg_rules::{ledger::Change, limit::Held};
use std::sync::atomic::{AtomicI64, Ordering};

/// What there is by now: what the last whole turn has counted, and what transactions have added that committed since.
/// Not exact, because a prepared transaction that is rolled back stays counted; each whole turn corrects the gauge.
#[repr(C)]
#[derive(Default)]
pub struct Gauge {
    entries: AtomicI64,
    bytes: AtomicI64,
}

impl Gauge {
    /// Adds what a committed transaction has added or removed.
    pub fn add(&self, change: Change) {
        if change.entries != 0 {
            self.entries.fetch_add(change.entries, Ordering::Relaxed);
        }
        self.bytes.fetch_add(change.bytes, Ordering::Relaxed);
    }

    /// What there is.
    pub fn held(&self) -> Held {
        self.with(Change::default())
    }

    /// What it would be with a change.
    pub fn with(&self, change: Change) -> Held {
        let of = |word: &AtomicI64, more| u64::try_from(word.load(Ordering::Relaxed).saturating_add(more)).unwrap_or(0);
        Held { entries: of(&self.entries, change.entries), bytes: of(&self.bytes, change.bytes) }
    }

    /// Sets both words to zero.
    pub fn clear(&self) {
        self.entries.store(0, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// Both words.
    pub(super) fn read(&self) -> Change {
        let [entries, bytes] = [&self.entries, &self.bytes].map(|word| word.load(Ordering::Relaxed));
        Change { entries, bytes }
    }

    /// Sets both words.
    pub(super) fn store(&self, Change { entries, bytes }: Change) {
        self.entries.store(entries, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}
