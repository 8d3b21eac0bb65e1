//! How many entries there are, and how large they are.
//!
//! Nobody counts the table for it: the hand adds up what it comes across, and what a whole turn has found is what is
//! told until the next one ends, with its age. A turn in which ranges were passed over tells nothing new.

use super::memory::{self, Tally};
use crate::clock;
use cache_pg_rules::key::Key;
use cache_pg_rules::limit::Held;
use cache_pg_rules::namespace::Namespace;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A turn during which more than this part of all has come or gone is no calm one.
const CALM: i64 = 64;

/// Some rows of a namespace.
#[repr(C)]
#[derive(Default)]
pub struct Count {
    /// Live entries.
    pub entries: AtomicU64,
    /// The bytes that they take, with their share of index and TOAST table.
    pub bytes: AtomicU64,
    /// Rows whose time is over, and tombstones.
    pub expired: AtomicU64,
    /// The bytes that these take.
    pub expired_bytes: AtomicU64,
    /// The largest live entry, in bytes.
    pub largest: AtomicU64,
}

/// What there is by now: as of the last whole turn, and what has come and gone since. Not exact, because what is rolled
/// back stays in it, and plain SQL says nothing; each whole turn sets it right.
#[repr(C)]
#[derive(Default)]
pub struct Gauge {
    entries: AtomicI64,
    bytes: AtomicI64,
    /// Entries that have come, ever.
    came: AtomicI64,
}

impl Gauge {
    /// Something has come, or gone.
    fn add(&self, entries: i64, bytes: i64) {
        if entries != 0 {
            self.entries.fetch_add(entries, Ordering::Relaxed);
            self.came.fetch_add(entries.max(0), Ordering::Relaxed);
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What that is.
    pub fn held(&self) -> Held {
        let of = |word: &AtomicI64| u64::try_from(word.load(Ordering::Relaxed)).unwrap_or(0);
        Held { entries: of(&self.entries), bytes: of(&self.bytes) }
    }

    /// There is nothing.
    pub fn clear(&self) {
        self.entries.store(0, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
    }

    fn set_right(&self, (entries, bytes): (i64, i64)) {
        self.entries.fetch_add(entries, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn words(&self) -> [&AtomicI64; 3] {
        [&self.entries, &self.bytes, &self.came]
    }

    fn read(&self) -> [i64; 3] {
        self.words().map(|word| word.load(Ordering::Relaxed))
    }
}

/// What was counted, and what is being counted.
#[repr(C)]
#[derive(Default)]
pub struct Census {
    /// What the last whole turn has found.
    pub counted: Count,
    counting: Count,
    /// What there is by now.
    pub now: Gauge,
    /// The same when the turn began.
    then: Gauge,
    /// When that turn ended; 0: there was none yet. Of an area's `rest` only.
    pub at: AtomicI64,
}

impl Count {
    /// All of them, in this order.
    pub fn fields(&self) -> [&AtomicU64; 5] {
        [&self.entries, &self.bytes, &self.expired, &self.expired_bytes, &self.largest]
    }
}

impl Census {
    /// Counts a row. Only one process counts in a database.
    pub fn add(&self, is_live: bool, bytes: u64) {
        let Count { entries, bytes: live_bytes, expired, expired_bytes, largest } = &self.counting;
        let (rows, sum) = if is_live { (entries, live_bytes) } else { (expired, expired_bytes) };
        rows.fetch_add(1, Ordering::Relaxed);
        sum.fetch_add(bytes, Ordering::Relaxed);
        if is_live {
            largest.fetch_max(bytes, Ordering::Relaxed);
        }
    }

    fn begin(&self) {
        for (then, now) in self.then.words().into_iter().zip(self.now.words()) {
            then.store(now.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.counting.fields().iter().for_each(|field| field.store(0, Ordering::Relaxed));
    }

    fn end(&self) {
        for (counted, counting) in self.counted.fields().into_iter().zip(self.counting.fields()) {
            counted.store(counting.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// Sets right what there is by now, and says by how much. What has come during the turn the hand may have met or
    /// not, so it is left to a calmer turn where that is much.
    fn correct(&self) -> (i64, i64) {
        let counted = [&self.counted.entries, &self.counted.bytes].map(|word| word.load(Ordering::Relaxed) as i64);
        let (now, then) = (self.now.read(), self.then.read());
        let [entries, bytes, came] = std::array::from_fn(|word| now[word] - then[word]);
        if came.max(entries.abs()) > counted[0] / CALM {
            return (0, 0);
        }
        let change = (counted[0] + entries / 2 - now[0], counted[1] + bytes / 2 - now[1]);
        self.now.set_right(change);
        change
    }

    /// Forgets all, for another's sake.
    pub fn reset(&self) {
        self.now.clear();
        self.begin();
        self.end();
        self.at.store(0, Ordering::Relaxed);
    }
}

fn all() -> impl Iterator<Item = &'static Census> {
    memory::tallies().map(|tally| &tally.census)
}

/// A turn begins.
pub fn begin() {
    all().for_each(Census::begin);
}

/// A turn that has passed nothing over has ended.
pub fn end() {
    if let Some(area) = memory::area() {
        for census in all() {
            census.end();
            area.total.set_right(census.correct());
        }
        area.rest.census.at.store(clock::now().0, Ordering::Relaxed);
    }
}

/// Entries of a namespace have come or gone, with so many bytes. Returns what there is of it by now, and of all.
pub fn change(namespace: Namespace, entries: i64, bytes: i64) -> Option<[Held; 2]> {
    let (tally, area) = (memory::tally_of(namespace)?, memory::area()?);
    tally.census.now.add(entries, bytes);
    area.total.add(entries, bytes);
    Some([tally.census.now.held(), area.total.held()])
}

/// The table is another one: nothing is known of it until the next turn, which passes nothing over.
pub fn forget() {
    if let Some(area) = memory::area() {
        all().for_each(|census| census.now.clear());
        area.total.clear();
        area.rest.census.at.store(0, Ordering::Relaxed);
    }
}

/// When the last whole turn ended, in microseconds; None: there was none yet.
pub fn at() -> Option<i64> {
    memory::area().map(|area| area.rest.census.at.load(Ordering::Relaxed)).filter(|&at| at != 0)
}

/// The tallies of the rows that the hand comes across, one after another.
#[derive(Default)]
pub struct Rows {
    last: Option<(Box<str>, Option<&'static Tally>)>,
}

impl Rows {
    /// The tally of the row of a key; None where nothing is counted.
    pub fn of(&mut self, key: &str) -> Option<&'static Tally> {
        let namespace = Key::parse(key).ok()?.namespace();
        match &self.last {
            Some((known, tally)) if **known == *namespace.as_str() => *tally,
            _ => {
                let tally = memory::tally_of(namespace);
                self.last = Some((namespace.as_str().into(), tally));
                tally
            }
        }
    }
}

/// About what an entry takes in the index beside its key: an item with its pointer, in pages that are two thirds full.
const INDEX_ITEM: u64 = 24;
/// The pointer to a row in its page.
const ROW_POINTER: u64 = 4;
/// The size of a page,
const PAGE: u64 = pgrx::pg_sys::BLCKSZ as u64;
/// and what of it is filled with rows (`fillfactor` in `sql/tables.sql`); the rest is room for their next versions.
const FILLED: u64 = PAGE * 80 / 100;

/// The bytes that a row takes, with its share of the room that its page keeps free, its index entry and what it has out
/// of line.
pub fn footprint(row: u64, key: usize, out_of_line: u64) -> u64 {
    let row = row + ROW_POINTER;
    // At the end of a page what is left is too small for another row: half of one in the mean.
    let used = FILLED - (row / 2).min(FILLED / 2);
    row * PAGE / used + out_of_line + INDEX_ITEM + key as u64 * 3 / 2
}
