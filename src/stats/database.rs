//! What is counted for a database and for a namespace: the types, and the array of databases in shared memory.
//!
//! Owns how a backend finds the statistics of its database. Those of namespaces stand in [`super::slots`], and
//! [`super::lookup`] finds them. A namespace without a slot is counted in its database's `rest`. Must never move a
//! field: the file on disk holds these types as they are.
//!
//! Memory: 30 KB for each of [`MAX_DATABASES`].

use super::histogram::{Histogram, OPERATIONS};
use super::row_counts::{Gauge, RowCounts};
use super::{counter::Counters, sweeper::SweeperStats, verdicts::Verdicts};
use crate::pg::{backend, clock};
use crate::shared::array::{Shareable, SharedArray};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};

/// How many databases have statistics: the first that use the extension.
pub const MAX_DATABASES: usize = 64;

/// What is counted for one namespace, or for several together.
#[repr(C)]
pub struct NamespaceStats {
    /// Changes when its slot gets another namespace: a backend that remembers the old one looks it up again.
    pub generation: AtomicU32,
    /// When it was last used, by [`super::slots::ticks`].
    pub last_used: AtomicU32,
    /// Whether its namespace is configured.
    pub is_configured: AtomicBool,
    /// What was done.
    pub counters: Counters,
    /// What there is.
    pub rows: RowCounts,
}

/// What is counted for one database.
#[repr(C)]
pub struct DatabaseStats {
    database: AtomicU32,
    /// When counting began, in microseconds.
    pub reset_at: AtomicI64,
    /// The namespaces without a slot, and what belongs to no namespace.
    pub rest: NamespaceStats,
    /// What was counted for namespaces that have lost their slot to others,
    pub merged: NamespaceStats,
    /// and how often that happened.
    pub merged_namespaces: AtomicU64,
    /// By [`super::Operation`].
    pub latency: [Histogram; OPERATIONS],
    /// What the sweeper has done.
    pub sweeper: SweeperStats,
    /// What there is by now, of all namespaces.
    pub total: Gauge,
    /// `cache_entries`; 0: not known.
    pub table: AtomicU32,
    /// The file that the gauges are of; 0: none.
    pub file: AtomicU32,
    /// Whether the turn under way began in another file.
    pub counts_another_file: AtomicBool,
    /// What the gauge said at the end of the last whole turn, in entries,
    pub gauge_was: AtomicU64,
    /// and by how many entries it was corrected.
    pub gauge_was_off: AtomicI64,
    /// How many entries were evicted, ever.
    pub evictions: AtomicU64,
    /// How many entries may still go before a look at the table checks the gauges: for the limits of the database, and
    /// for those of namespaces.
    pub believed: [AtomicI64; 2],
    /// Where the next eviction goes on: the bits of a [`Hand`](cache_pg_rules::hand::Hand).
    pub hand: AtomicU64,
    /// How many meetings with the sweeper a read is worth, and one; 0: not known yet. [`Self::level`] reads it.
    pub level: AtomicU8,
    /// The verdicts since the level was adjusted,
    pub batch: Verdicts,
    /// and those of the turn under way, which began when room was needed.
    pub turn: Verdicts,
    /// How many pages it has left; 0: none is under way.
    pub turn_left: AtomicU32,
    /// `evictions` when the level was adjusted last.
    pub evictions_then: AtomicU64,
    /// Where the next marks of evicted keys are cleared.
    pub forget_at: AtomicU64,
}

// SAFETY: atomics, no pointers.
unsafe impl Shareable for DatabaseStats {}
// SAFETY: as above.
unsafe impl Shareable for NamespaceStats {}

pub(super) static DATABASES: SharedArray<DatabaseStats> = SharedArray::new(c"cache_pg statistics", || MAX_DATABASES);

thread_local! {
    /// The statistics of this backend's database, once they are known.
    static MINE: Cell<Option<&'static DatabaseStats>> = const { Cell::new(None) };
}

/// Whether the library was preloaded, so that there are statistics at all.
pub fn attached() -> bool {
    DATABASES.is_attached()
}

impl NamespaceStats {
    /// Whether its slot still has the namespace that it had in this generation.
    pub fn is_still(&self, generation: u32) -> bool {
        self.generation.load(Ordering::Relaxed) == generation
    }

    /// Sets everything to zero.
    pub fn clear(&self) {
        self.counters.reset();
        self.rows.clear();
    }
}

impl DatabaseStats {
    /// Those of this backend's database; None where nothing is counted, or [`MAX_DATABASES`] others have statistics.
    pub fn mine() -> Option<&'static Self> {
        if let Some(mine) = MINE.get() {
            return Some(mine);
        }
        let database = backend::database().to_u32();
        MINE.set(Self::find_or_take(database));
        MINE.get()
    }

    /// The same, where this backend has found them before.
    pub fn mine_if_known() -> Option<&'static Self> {
        MINE.get()
    }

    /// All of them, also those of no database.
    pub fn every() -> &'static [Self] {
        DATABASES.all()
    }

    /// Those of a database; None where it has none.
    pub(super) fn find(database: u32) -> Option<&'static Self> {
        DATABASES.all().iter().find(|stats| stats.database.load(Ordering::Acquire) == database)
    }

    fn find_or_take(database: u32) -> Option<&'static Self> {
        if database == 0 {
            return None;
        }
        Self::find(database).or_else(|| DATABASES.all().iter().find(|stats| stats.take(database)))
    }

    /// Takes them if they are of no database, and says whether they are now of this one.
    fn take(&self, database: u32) -> bool {
        match self.database.compare_exchange(0, database, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                self.reset_at.store(clock::now().0, Ordering::Relaxed);
                true
            }
            // Another backend was faster, perhaps for the same database.
            Err(owner) => owner == database,
        }
    }

    /// Gives them back, all zero.
    pub(super) fn release(&self) {
        self.reset();
        let Self { rest, sweeper, total, hand, level, batch, turn, turn_left, .. } = self;
        rest.rows.clear();
        sweeper.clear();
        total.clear();
        let Self { evictions, evictions_then, forget_at, table, file, .. } = self;
        [table, file, turn_left].into_iter().for_each(|word| word.store(0, Ordering::Relaxed));
        self.gauge_was.store(0, Ordering::Relaxed);
        self.gauge_was_off.store(0, Ordering::Relaxed);
        [hand, evictions, evictions_then, forget_at].into_iter().for_each(|word| word.store(0, Ordering::Relaxed));
        let _dropped = [batch, turn].map(Verdicts::take);
        level.store(0, Ordering::Relaxed);
        self.database.store(0, Ordering::Release);
    }

    /// The database that they are of; 0: none.
    pub fn owner(&self) -> u32 {
        self.database.load(Ordering::Relaxed)
    }

    /// CREATE EXTENSION has run: no sweeper has made a turn here, and none could have.
    pub fn begin(&self) {
        self.sweeper.turn_ended_at.store(0, Ordering::Relaxed);
        self.reset_at.store(clock::now().0, Ordering::Relaxed);
    }

    /// Sets what was done to zero, and keeps what there is and what the sweeper has done.
    pub fn reset(&self) {
        [&self.rest, &self.merged].into_iter().for_each(|stats| stats.counters.reset());
        self.merged_namespaces.store(0, Ordering::Relaxed);
        self.latency.iter().for_each(Histogram::reset);
        self.reset_at.store(clock::now().0, Ordering::Relaxed);
    }
}
