//! Which keys were read lately.
//!
//! A byte for each key, found by a hash of it and of its database, so two keys may share one: then they are kept
//! together. A read stores in it where that says something new, so a key that is read all the time costs a look. What
//! the byte says is [`eviction`]'s. Must never be locked, nor be exact: whoever comes in between is lost, and costs a
//! hit.

use crate::settings;
use crate::shared::array::{self, Shareable, SharedArray};
use crate::stats::memory::{self, Area};
use cache_pg_rules::eviction::{self, Level, Place, Use};
use cache_pg_rules::token::hash;
use std::sync::atomic::{AtomicU8, Ordering};

/// What is remembered of a key.
#[repr(transparent)]
pub struct Byte(AtomicU8);

// SAFETY: an atomic, no pointers.
unsafe impl Shareable for Byte {}

static BYTES: SharedArray<Byte> = SharedArray::new(c"cache_pg recency", settings::recency_memory);

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    array::reserve(&BYTES);
}

/// A live entry was read.
pub fn touch(key: &str) {
    if let Some(area) = memory::area()
        && let Some((byte, _)) = of(area, key)
        && let Some(used) = byte.get().touched(area.level())
    {
        byte.set(used);
    }
}

/// A key has got an entry.
pub fn insert(key: &str) {
    if let Some(area) = memory::area()
        && let Some((byte, place)) = of(area, key)
        && let Some(used) = byte.get().written(place, area.level())
    {
        byte.set(used);
    }
}

/// The byte of a key of this database; None where there is no memory for it.
pub fn of(area: &Area, key: &str) -> Option<(&'static Byte, Place)> {
    let bytes = BYTES.all();
    let database = u64::from(area.owner().load(Ordering::Relaxed)).rotate_left(32);
    let place = Place::of(hash(key) ^ database, bytes.len());
    bytes.get(place.byte).map(|byte| (byte, place))
}

/// So many entries were evicted and so many are left: the marks of some others are forgotten, from where that ended
/// last.
pub fn decay(area: &Area, evicted: u64, left: u64) {
    let bytes = BYTES.all();
    if bytes.is_empty() {
        return;
    }
    let count = eviction::to_forget(evicted, left, bytes.len());
    let start = area.forget_at.fetch_add(count as u64, Ordering::Relaxed) as usize;
    for number in start..start + count {
        let byte = &bytes[number % bytes.len()];
        if let Some(used) = byte.get().forgotten() {
            byte.set(used);
        }
    }
}

impl Byte {
    /// What is remembered.
    pub fn get(&self) -> Use {
        Use::from_bits(self.0.load(Ordering::Relaxed))
    }

    /// Remembers something else.
    pub fn set(&self, used: Use) {
        self.0.store(used.bits(), Ordering::Relaxed);
    }
}

impl Area {
    /// How many meetings with the hand a read is worth.
    pub fn level(&self) -> Level {
        // Zero is what the memory holds at first.
        match self.level.load(Ordering::Relaxed) {
            0 => Level::LEAST,
            level => Level::from_meetings(level - 1),
        }
    }

    /// Sets it.
    pub fn set_level(&self, level: Level) {
        self.level.store(level.meetings() + 1, Ordering::Relaxed);
    }
}
