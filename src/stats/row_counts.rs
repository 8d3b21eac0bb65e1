//! How many rows there are, and how large they are: the types.
//!
//! Owns what a row is reckoned to take on disk, and the gauges, which change at the commit. Must never be read as a
//! snapshot: a turn of the sweeper counts one row after another, and the words of a gauge do not change together.

use cache_pg_rules::{correction::set_right, ledger::Change, limit::Held};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Some rows of a namespace.
#[repr(C)]
#[derive(Default)]
pub struct Counted {
    /// Live entries.
    pub entries: AtomicU64,
    /// The bytes that they take, with their share of index and TOAST table.
    pub bytes: AtomicU64,
    /// Rows past their deadline, and tombstones.
    pub expired: AtomicU64,
    /// The bytes that these take.
    pub expired_bytes: AtomicU64,
    /// The largest live entry, in bytes.
    pub largest: AtomicU64,
}

/// What the last turn has counted, what the turn under way is counting, and what there is by now.
#[repr(C)]
#[derive(Default)]
pub struct RowCounts {
    /// What the last whole turn has found.
    pub counted: Counted,
    counting: Counted,
    /// What there is by now.
    pub now: Gauge,
    /// The same when the turn began.
    then: Gauge,
    /// When the last whole turn ended, in microseconds; 0: there was none yet. Only in a database's `rest`.
    pub counted_at: AtomicI64,
}

impl Counted {
    /// The figure of which a total is the largest, not the sum.
    pub const LARGEST: &'static str = "largest_entry";

    /// All of them, with the names by which the view `cache_stats` reads them.
    pub fn named(&self) -> [(&'static str, &AtomicU64); 5] {
        [
            ("entries", &self.entries),
            ("bytes", &self.bytes),
            ("expired_entries", &self.expired),
            ("expired_bytes", &self.expired_bytes),
            (Self::LARGEST, &self.largest),
        ]
    }

    fn add(&self, other: &Self) {
        for ((name, sum), (_, more)) in self.named().into_iter().zip(other.named()) {
            let more = more.load(Ordering::Relaxed);
            if name == Self::LARGEST {
                sum.fetch_max(more, Ordering::Relaxed)
            } else {
                sum.fetch_add(more, Ordering::Relaxed)
            };
        }
    }

    fn clear(&self) {
        self.named().into_iter().for_each(|(_, word)| word.store(0, Ordering::Relaxed));
    }
}

impl RowCounts {
    /// Counts a row. Only one process counts in a database.
    pub fn count(&self, is_live: bool, bytes: u64) {
        let Counted { entries, bytes: live_bytes, expired, expired_bytes, largest } = &self.counting;
        let (rows, sum) = if is_live { (entries, live_bytes) } else { (expired, expired_bytes) };
        rows.fetch_add(1, Ordering::Relaxed);
        sum.fetch_add(bytes, Ordering::Relaxed);
        if is_live {
            largest.fetch_max(bytes, Ordering::Relaxed);
        }
    }

    /// A turn begins.
    pub(super) fn begin(&self) {
        self.then.store(self.now.read());
        self.counting.clear();
    }

    /// A turn has counted all rows: corrects the gauge ([`set_right`]), and says by how much.
    pub(super) fn end(&self) -> Change {
        for ((_, counted), (_, counting)) in self.counted.named().into_iter().zip(self.counting.named()) {
            counted.store(counting.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        let [entries, bytes] = [&self.counted.entries, &self.counted.bytes].map(|it| it.load(Ordering::Relaxed) as i64);
        let (now, then) = (self.now.read(), self.then.read());
        let change = Change {
            entries: set_right(entries, now.entries, then.entries) - now.entries,
            bytes: set_right(bytes, now.bytes, then.bytes) - now.bytes,
        };
        self.now.add(change);
        change
    }

    /// Sets the gauge to an estimate, and says by how much it changes. That is no change during a turn.
    pub(super) fn set_gauge(&self, found: Change) -> Change {
        let now = self.now.read();
        let change = Change { entries: found.entries - now.entries, bytes: found.bytes - now.bytes };
        self.now.add(change);
        self.then.add(change);
        change
    }

    /// Adds the rows of another namespace.
    pub(super) fn add(&self, other: &Self) {
        self.now.add(other.now.read());
        self.then.add(other.then.read());
        self.counted.add(&other.counted);
        self.counting.add(&other.counting);
    }

    /// Sets everything to zero.
    pub(super) fn clear(&self) {
        self.now.clear();
        self.begin();
        self.counted.clear();
        self.counted_at.store(0, Ordering::Relaxed);
    }
}

/// About what an entry takes in the index beside its key: an item with its pointer, in pages that are two thirds full.
const INDEX_ITEM: u64 = 24;
/// The pointer to a row in its page.
const ROW_POINTER: u64 = 4;
const PAGE: u64 = pgrx::pg_sys::BLCKSZ as u64;
/// How much of a page holds rows (`fillfactor` in `sql/tables.sql`); the rest is room for their next versions.
const FILLED: u64 = PAGE * 80 / 100;

/// The bytes that a row takes: with its share of the room that its page keeps free, its index entry, and what it stores
/// out of line.
pub fn footprint(row: u64, key: usize, out_of_line: u64) -> u64 {
    let row = row + ROW_POINTER;
    // The end of a page is too small for another row: half a row is lost there on average.
    let used = FILLED - (row / 2).min(FILLED / 2);
    row * PAGE / used + out_of_line + INDEX_ITEM + key as u64 * 3 / 2
}

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
