//! How many entries there are, and how large they are.
//!
//! Nobody counts the table for it: the hand adds up what it comes across, and what a whole turn has found is what is
//! told until the next one ends, with its age. A turn in which ranges were passed over tells nothing new.

use super::gauge::Gauge;
use super::memory::{self, Tally};
use super::tally;
use crate::pg::clock;
use cache_pg_rules::correction::set_right;
use cache_pg_rules::key::Key;
use cache_pg_rules::ledger::Change;
use cache_pg_rules::places::Claim;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

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
        self.then.store(self.now.read());
        self.counting.fields().iter().for_each(|field| field.store(0, Ordering::Relaxed));
    }

    fn end(&self) {
        for (counted, counting) in self.counted.fields().into_iter().zip(self.counting.fields()) {
            counted.store(counting.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// Sets right what there is by now ([`set_right`]), and says by how much.
    fn correct(&self) -> Change {
        let counted = [&self.counted.entries, &self.counted.bytes].map(|word| word.load(Ordering::Relaxed) as i64);
        let (now, then) = (self.now.read(), self.then.read());
        let change = Change {
            entries: set_right(counted[0], now.entries, then.entries) - now.entries,
            bytes: set_right(counted[1], now.bytes, then.bytes) - now.bytes,
        };
        self.now.add(change);
        change
    }

    /// There is as much as an estimate says. That is no change during a turn.
    fn learn(&self, found: Change) -> Change {
        let now = self.now.read();
        let change = Change { entries: found.entries - now.entries, bytes: found.bytes - now.bytes };
        self.now.add(change);
        self.then.add(change);
        change
    }

    /// Together with what was counted elsewhere.
    pub fn add_all(&self, other: &Self) {
        self.now.add(other.now.read());
        self.then.add(other.then.read());
        for (sums, others) in [(&self.counted, &other.counted), (&self.counting, &other.counting)] {
            for (sum, more) in sums.fields().into_iter().zip(others.fields()).take(4) {
                sum.fetch_add(more.load(Ordering::Relaxed), Ordering::Relaxed);
            }
            sums.largest.fetch_max(others.largest.load(Ordering::Relaxed), Ordering::Relaxed);
        }
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
    if let Some(area) = memory::area() {
        area.counts_another_file.store(false, Ordering::Relaxed);
    }
    all().for_each(Census::begin);
}

/// A turn that has passed nothing over has ended.
pub fn end() {
    let Some(area) = memory::area().filter(|area| !area.counts_another_file.load(Ordering::Relaxed)) else { return };
    let (held, is_first) = (area.total.held(), at().is_none());
    let mut change = Change::default();
    for census in all() {
        census.end();
        change = change.and(census.correct());
    }
    area.total.add(change);
    // Before the first turn there was an estimate at best.
    let off = if is_first { 0 } else { change.entries };
    area.gauge_was.store(held.entries, Ordering::Relaxed);
    area.gauge_was_off.store(off, Ordering::Relaxed);
    area.rest.census.at.store(clock::now().0, Ordering::Relaxed);
}

/// There is nothing any more.
pub fn clear() {
    learn(|_| Change::default());
}

/// There is as much as `found` says of each tally.
pub fn learn(found: impl Fn(&'static Tally) -> Change) {
    let Some(area) = memory::area() else { return };
    let sum = memory::tallies().fold(Change::default(), |sum, tally| sum.and(tally.census.learn(found(tally))));
    area.total.add(sum);
}

/// The table lies in another file than when the turn began: what the turn counts says nothing, and the next one passes
/// nothing over.
pub fn forget() {
    if let Some(area) = memory::area() {
        area.counts_another_file.store(true, Ordering::Relaxed);
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
                let tally = tally::of(namespace, Claim::Found);
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

/// How long it is until it is time to count again what there is, where a sweep takes `interval`.
pub fn until_next(interval: Duration) -> Duration {
    cache_pg_rules::pace::until_count(at(), interval, clock::now().0)
}
