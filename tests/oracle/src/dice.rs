//! Chance: what a session does next, and how long it waits before it does.

use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::view::{GROUPS, ROWS, View, group_of};

/// The isolation levels, the usual one most often.
const LEVELS: [&str; 5] = ["READ COMMITTED", "READ COMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"];

/// For how long all sessions look at the same group.
const ATTENTION: Duration = Duration::from_millis(700);

/// One session's.
#[derive(Debug)]
pub struct Dice {
    chance: StdRng,
    start: Instant,
}

impl Dice {
    /// What session `number` of a run that began at `start` does by chance. How the sessions meet is up to the machine.
    pub fn new(seed: u64, number: usize, start: Instant) -> Self {
        let chance = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
        Self { chance, start }
    }

    /// A number from 0 up to but not `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.chance.random_range(0..sides)
    }

    /// True so many times of a hundred.
    pub fn percent(&mut self, times: u32) -> bool {
        self.chance.random_ratio(times, 100)
    }

    /// One of several.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from.choose(&mut self.chance).copied().unwrap_or(from[0])
    }

    /// An isolation level.
    pub fn level(&mut self) -> &'static str {
        self.pick(&LEVELS)
    }

    /// A row, mostly of the group that all look at by now. They look at one group after the other, so that the keys of
    /// the others grow cold: they expire, their tombstones are swept, and somebody comes back to them with an old
    /// snapshot.
    pub fn row(&mut self) -> usize {
        if self.percent(10) {
            return self.roll(ROWS);
        }
        self.row_of(self.turn())
    }

    /// A row of the group that they have just looked away from.
    pub fn cold_row(&mut self) -> usize {
        self.row_of(self.turn() + GROUPS - 1)
    }

    fn turn(&self) -> usize {
        (self.start.elapsed().as_millis() / ATTENTION.as_millis()) as usize
    }

    fn row_of(&mut self, turn: usize) -> usize {
        let rows: Vec<_> = (0..ROWS).filter(|&row| group_of(row) == turn % GROUPS).collect();
        self.pick(&rows)
    }

    /// An entry that shows such a row.
    pub fn view(&mut self) -> View {
        let row = self.row();
        self.pick(&View::showing(row))
    }

    /// One to three rows, in order.
    pub fn rows(&mut self) -> Vec<usize> {
        let count = 1 + self.roll(3);
        let mut rows: Vec<_> = (0..count).map(|_| self.row()).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// How long an entry lives, as SQL has it: some expire under the eyes of their readers.
    pub fn ttl(&mut self) -> &'static str {
        self.pick(&["30 ms", "100 ms", "400 ms", "2 s", "1 min"])
    }

    /// Usually no time at all, sometimes long enough for others to do a lot.
    pub fn pause(&mut self) {
        let micros = match self.roll(20) {
            0..=8 => 0,
            9..=15 => self.roll(3_000),
            16..=18 => self.roll(30_000),
            _ => self.roll(250_000),
        };
        thread::sleep(Duration::from_micros(micros as u64));
    }

    /// Now and then long enough for a lease to run out, and for a tombstone to come and be swept.
    pub fn long_pause(&mut self) {
        if self.percent(80) {
            return self.pause();
        }
        let micros = self.roll(1_000_000);
        thread::sleep(Duration::from_micros(micros as u64));
    }
}
