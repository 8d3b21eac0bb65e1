//! How much there is, by what is committed.
//!
//! Two words in shared memory. Must never be added to before the commit, nor read as a pair: they are not changed
//! together.

use cache_pg_rules::ledger::Change;
use cache_pg_rules::limit::Held;
use std::sync::atomic::{AtomicI64, Ordering};

/// What there is by now: as of the last whole turn, and what transactions that have committed since have added. Not
/// exact, because a prepared transaction that is rolled back says nothing; each whole turn sets it right.
#[repr(C)]
#[derive(Default)]
pub struct Gauge {
    entries: AtomicI64,
    bytes: AtomicI64,
}

impl Gauge {
    /// Something has come, or gone, and is committed.
    pub fn add(&self, change: Change) {
        if change.entries != 0 {
            self.entries.fetch_add(change.entries, Ordering::Relaxed);
        }
        self.bytes.fetch_add(change.bytes, Ordering::Relaxed);
    }

    /// What that is.
    pub fn held(&self) -> Held {
        self.with(Change::default())
    }

    /// What it would be with a change.
    pub fn with(&self, change: Change) -> Held {
        let of = |word: &AtomicI64, more| u64::try_from(word.load(Ordering::Relaxed).saturating_add(more)).unwrap_or(0);
        Held { entries: of(&self.entries, change.entries), bytes: of(&self.bytes, change.bytes) }
    }

    /// There is nothing.
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
