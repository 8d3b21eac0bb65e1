//! Chance: what a session does next, and how long it waits before it does.

use std::thread;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::view::{ROWS, View};

/// The isolation levels, the usual one most often.
const LEVELS: [&str; 5] = ["READ COMMITTED", "READ COMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"];

/// One session's.
#[derive(Debug)]
pub struct Dice(StdRng);

impl Dice {
    /// What session `number` of a run does by chance. How the sessions meet is up to the machine.
    pub fn new(seed: u64, number: usize) -> Self {
        Self(StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(number as u64)))
    }

    /// A number from 0 up to but not `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0.random_range(0..sides)
    }

    /// True so many times of a hundred.
    pub fn percent(&mut self, times: u32) -> bool {
        self.0.random_ratio(times, 100)
    }

    /// One of several.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from.choose(&mut self.0).copied().unwrap_or(from[0])
    }

    /// An isolation level.
    pub fn level(&mut self) -> &'static str {
        self.pick(&LEVELS)
    }

    /// An entry.
    pub fn view(&mut self) -> View {
        let all: Vec<_> = View::all().collect();
        self.pick(&all)
    }

    /// One to three rows, in order.
    pub fn rows(&mut self) -> Vec<usize> {
        let count = 1 + self.roll(3);
        let mut rows: Vec<_> = (0..count).map(|_| self.roll(ROWS)).collect();
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
