//! How far eviction has come in a database: the credit of a read, and the page on which the hand goes on.
//!
//! Both stand in the statistics of the database, which begin anew after a crash. Owns, in shared memory, those that a
//! file of the [memory of reads](super::recency_file) holds: a database takes them over when it has none. Must never
//! give statistics to a database that does not ask: it may have been dropped since.

use crate::shared::array::{Shareable, SharedArray};
use crate::stats::{DatabaseStats, MAX_DATABASES};
use cache_pg_rules::{eviction::Level, hand::Hand};
use pgrx::pg_sys::BlockNumber;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// The position in one database, as a file holds it.
pub struct Position {
    database: u32,
    level: u8,
    page: u32,
}

impl Position {
    pub const BYTES: usize = 9;

    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.database.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.page.to_le_bytes());
        bytes[8] = self.level;
        bytes
    }

    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let [a, b, c, d, rest @ ..] = bytes;
        let [e, f, g, h, level] = rest;
        Self { database: u32::from_le_bytes([a, b, c, d]), page: u32::from_le_bytes([e, f, g, h]), level }
    }
}

/// A position that a database may take over.
#[repr(C)]
pub struct Saved {
    database: AtomicU32,
    page: AtomicU32,
    level: AtomicU8,
}

// SAFETY: atomics, no pointers.
unsafe impl Shareable for Saved {}

pub(super) static SAVED: SharedArray<Saved> = SharedArray::new(c"cache_pg positions", || MAX_DATABASES);

/// The positions in all databases. One that has not been asked for since a crash keeps its saved one.
pub fn all() -> Vec<Position> {
    let positions = DatabaseStats::every().iter().filter(|database| database.owner() != 0).map(|database| Position {
        database: database.owner(),
        level: database.level().meetings(),
        page: Hand::from_bits(database.hand.load(Ordering::Relaxed)).page(),
    });
    let mut all: Vec<_> = positions.collect();
    for saved in SAVED.all() {
        let position = saved.get();
        if position.database != 0 && all.len() < MAX_DATABASES && all.iter().all(|it| it.database != position.database)
        {
            all.push(position);
        }
    }
    all
}

/// Takes up the positions of a file, or none.
pub fn set_saved(positions: &[Position]) {
    for (number, saved) in SAVED.all().iter().enumerate() {
        saved.set(positions.get(number).unwrap_or(&Position { database: 0, level: 0, page: 0 }));
    }
}

impl Saved {
    fn get(&self) -> Position {
        Position {
            database: self.database.load(Ordering::Relaxed),
            level: self.level.load(Ordering::Relaxed),
            page: self.page.load(Ordering::Relaxed),
        }
    }

    fn set(&self, position: &Position) {
        self.database.store(position.database, Ordering::Relaxed);
        self.level.store(position.level, Ordering::Relaxed);
        self.page.store(position.page, Ordering::Relaxed);
    }
}

impl DatabaseStats {
    /// Takes the page on which eviction goes on in a table of so many pages. The next call takes the one behind it.
    pub fn pass_page(&self, pages: BlockNumber) -> BlockNumber {
        // After a start it is the one of the file, if there is any.
        self.level();
        let behind = |bits| Some(Hand::from_bits(bits).pass(pages).1.bits());
        let (Ok(before) | Err(before)) = self.hand.fetch_update(Ordering::Relaxed, Ordering::Relaxed, behind);
        Hand::from_bits(before).pass(pages).0
    }

    /// Counts a page of the turn under way, or of one that begins now and has so many pages. Returns how many it has
    /// left: 0 to one session alone.
    pub fn count_in_turn(&self, pages: BlockNumber) -> BlockNumber {
        let less = |left: BlockNumber| if left == 0 { pages } else { left }.saturating_sub(1);
        let (Ok(before) | Err(before)) =
            self.turn_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(less(left)));
        less(before)
    }

    /// The credit of a read: how many CLOCK passes it survives.
    pub fn level(&self) -> Level {
        // The memory starts as zeroes.
        match self.level.load(Ordering::Relaxed) {
            0 => self.take_saved(),
            level => Level::from_meetings(level - 1),
        }
    }

    /// Sets the credit of a read.
    pub fn set_level(&self, level: Level) {
        self.level.store(level.meetings() + 1, Ordering::Relaxed);
    }

    /// Takes over the saved position of this database, once.
    #[cold]
    fn take_saved(&self) -> Level {
        let saved = SAVED.all().iter().map(Saved::get).find(|saved| saved.database == self.owner());
        let level = saved.as_ref().map_or(Level::LEAST, |saved| Level::from_meetings(saved.level));
        if let Some(saved) = saved {
            // The hand may have begun to move.
            let _ = self.hand.compare_exchange(0, Hand::at(saved.page).bits(), Ordering::Relaxed, Ordering::Relaxed);
        }
        self.set_level(level);
        level
    }
}
