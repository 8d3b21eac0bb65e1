//! A slot for each namespace: one hash table for the whole server, in shared memory.
//!
//! Owns how a slot is found and taken. Finding one takes no lock: a slot is free, being taken, taken, or released, and
//! a reader of its name compares the generation before and after. Taking or releasing one takes a lock, for which only
//! the launcher waits. A namespace that was not used for a while loses its slot to another one (`rules::places` says
//! when), and its figures move to its database's `merged`. Must never raise while the lock is held.
//!
//! Memory: 2.3 KB for each of [`crate::settings::track_namespaces`].

use super::database::{DatabaseStats, NamespaceStats};
use crate::shared::array::{self, Shareable, SharedArray};
use crate::{pg::clock, settings};
use cache_pg_rules::places::{self, Claim, Taken};
use cache_pg_rules::token::hash;
use pgrx::pg_sys::Oid;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// The longest namespace is shorter than the longest key.
const MAX_NAME: usize = 512;
const WORD: usize = size_of::<u64>();
const MINUTE: i64 = 60_000_000;

/// A namespace's slot in the hash table.
#[repr(C)]
pub struct StatsSlot {
    state: AtomicU32,
    database: AtomicU32,
    length: AtomicU32,
    name: [AtomicU64; MAX_NAME / WORD],
    /// Its figures.
    pub stats: NamespaceStats,
}

const FREE: u32 = 0;
const BEING_TAKEN: u32 = 1;
const TAKEN: u32 = 2;
/// Its database is gone. A search for a namespace goes on behind it.
const RELEASED: u32 = 3;

/// What belongs to all slots together.
#[repr(C)]
struct Control {
    /// Whether a process is taking or releasing slots.
    is_locked: AtomicU32,
    /// The minute in which `ticks` last moved.
    minute: AtomicU32,
    /// A coarse clock: it moves once a minute at most, when a process looks at the real one. It tells which namespaces
    /// were used since.
    ticks: AtomicU32,
}

// SAFETY: atomics, no pointers.
unsafe impl Shareable for StatsSlot {}
// SAFETY: atomics, no pointers.
unsafe impl Shareable for Control {}
static SLOTS: SharedArray<StatsSlot> = SharedArray::new(c"cache_pg namespaces", settings::track_namespaces);
static CONTROL: SharedArray<Control> = SharedArray::new(c"cache_pg namespaces control", || 1);

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    array::reserve(&SLOTS);
    array::reserve(&CONTROL);
}

/// All slots.
pub fn all() -> &'static [StatsSlot] {
    SLOTS.all()
}

/// The coarse clock.
pub fn ticks() -> u32 {
    CONTROL.all().first().map_or(0, |control| control.ticks.load(Ordering::Relaxed))
}

/// Moves the coarse clock on if a minute is over. The launcher calls this in each of its rounds.
pub fn tick() {
    let Some(control) = CONTROL.all().first() else { return };
    let (minute, before) = ((clock::now().0 / MINUTE) as u32, control.minute.load(Ordering::Relaxed));
    let moves = || control.minute.compare_exchange(before, minute, Ordering::Relaxed, Ordering::Relaxed).is_ok();
    if minute != before && moves() {
        control.ticks.fetch_add(1, Ordering::Relaxed);
    }
}

/// The slots in which a namespace is searched: in this order, until one that was never taken.
fn from_first(database: u32, name: &str) -> impl Iterator<Item = &'static StatsSlot> {
    let slots = SLOTS.all();
    let first = (hash(name) ^ u64::from(database).rotate_left(32)) as usize % slots.len().max(1);
    slots[first..].iter().chain(&slots[..first])
}

/// The slot of a namespace, and its generation; None where it has none.
fn find(database: u32, name: &str) -> Option<(&'static StatsSlot, u32)> {
    let may_follow = |slot: &&StatsSlot| slot.state.load(Ordering::Acquire) != FREE;
    from_first(database, name).take_while(may_follow).find_map(|slot| Some((slot, slot.generation_of(database, name)?)))
}

/// The same; a namespace that has none takes one that `claim` entitles it to.
pub fn find_or_take(database: u32, name: &str, claim: Claim) -> Option<(&'static StatsSlot, u32)> {
    if let found @ Some(_) = find(database, name) {
        return found;
    }
    if claim == Claim::Missed || name.len() > MAX_NAME {
        return None;
    }
    tick();
    let _lock = Lock::try_take()?;
    // Another backend may have been faster.
    if let found @ Some(_) = find(database, name) {
        return found;
    }
    let slot = from_first(database, name).find(|slot| slot.is_free()).or_else(|| {
        let chosen = places::choose(SLOTS.all().iter().map(StatsSlot::as_taken), claim)?;
        SLOTS.all().get(chosen).inspect(|slot| slot.merge())
    })?;
    Some((slot, slot.take(database, name)))
}

/// A database is gone, and no backend is connected to it any more: releases its slots and its statistics.
pub fn drop_database(database: Oid) {
    let database = database.to_u32();
    let is_its = |slot: &&StatsSlot| slot.owner().is_some_and(|(owner, _)| owner == database);
    // Without the lock a slot might get another namespace between the look and the change.
    let lock = Lock::take();
    SLOTS.all().iter().filter(is_its).for_each(StatsSlot::release);
    drop(lock);
    DatabaseStats::every().iter().filter(|stats| stats.owner() == database).for_each(DatabaseStats::release);
}

/// The right to take slots, and to release them.
struct Lock(&'static Control);

impl Lock {
    /// How often [`Self::try_take`] tries.
    const TRIES: u32 = 100;

    fn try_take() -> Option<Self> {
        let control = CONTROL.all().first()?;
        let takes = |_: &u32| {
            let taken = control.is_locked.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok();
            if !taken {
                std::thread::yield_now();
            }
            taken
        };
        (0..Self::TRIES).find(takes).map(|_| Self(control))
    }

    /// Waits for it, which only the launcher may. It is held for a look at all slots; None where there are none.
    fn take() -> Option<Self> {
        while !CONTROL.all().is_empty() {
            if let lock @ Some(_) = Self::try_take() {
                return lock;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        None
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.is_locked.store(0, Ordering::Release);
    }
}

impl StatsSlot {
    fn is_free(&self) -> bool {
        matches!(self.state.load(Ordering::Acquire), FREE | RELEASED)
    }

    fn as_taken(&self) -> Option<Taken> {
        (self.state.load(Ordering::Acquire) == TAKEN).then(|| Taken {
            is_configured: self.stats.is_configured.load(Ordering::Relaxed),
            idle: ticks().saturating_sub(self.stats.last_used.load(Ordering::Relaxed)),
        })
    }

    /// Its generation, if this namespace has it.
    fn generation_of(&self, database: u32, name: &str) -> Option<u32> {
        let generation = self.stats.generation.load(Ordering::Acquire);
        let is_it = self.state.load(Ordering::Acquire) == TAKEN
            && self.database.load(Ordering::Relaxed) == database
            && self.length.load(Ordering::Relaxed) as usize == name.len()
            && words_of(name).zip(&self.name).all(|(word, known)| known.load(Ordering::Relaxed) == word);
        (is_it && self.is_still(generation)).then_some(generation)
    }

    /// Whether it still has the namespace that it had in this generation.
    fn is_still(&self, generation: u32) -> bool {
        std::sync::atomic::fence(Ordering::Acquire);
        self.stats.generation.load(Ordering::Relaxed) == generation
    }

    /// Its database and its namespace; None where it has none.
    pub fn owner(&self) -> Option<(u32, String)> {
        let generation = self.stats.generation.load(Ordering::Acquire);
        if self.state.load(Ordering::Acquire) != TAKEN {
            return None;
        }
        let (database, length) = (self.database.load(Ordering::Relaxed), self.length.load(Ordering::Relaxed));
        let mut name: Vec<u8> = self.name.iter().flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes()).collect();
        name.truncate(length as usize);
        // A name that was replaced meanwhile may be a mixture of two.
        String::from_utf8(name).ok().filter(|_| self.is_still(generation)).map(|name| (database, name))
    }

    /// Gives it to a namespace, and returns its generation. Under the lock.
    fn take(&self, database: u32, name: &str) -> u32 {
        self.state.store(BEING_TAKEN, Ordering::Relaxed);
        let generation = self.stats.generation.load(Ordering::Relaxed).wrapping_add(1);
        // A reader of this generation must not find the state TAKEN before the name is the new one.
        self.stats.generation.store(generation, Ordering::Release);
        std::sync::atomic::fence(Ordering::Release);
        self.database.store(database, Ordering::Relaxed);
        self.length.store(name.len() as u32, Ordering::Relaxed);
        words_of(name).zip(&self.name).for_each(|(word, kept)| kept.store(word, Ordering::Relaxed));
        self.stats.clear();
        self.stats.is_configured.store(false, Ordering::Relaxed);
        self.stats.last_used.store(ticks(), Ordering::Relaxed);
        self.state.store(TAKEN, Ordering::Release);
        generation
    }

    /// Adds its figures to those of its database. Under the lock.
    fn merge(&self) {
        if let Some(database) = DatabaseStats::find(self.database.load(Ordering::Relaxed)) {
            database.merged.counters.add_all(&self.stats.counters);
            database.merged_namespaces.fetch_add(1, Ordering::Relaxed);
            database.rest.rows.add(&self.stats.rows);
        }
    }

    /// Its database is gone. Under the lock.
    fn release(&self) {
        self.stats.generation.fetch_add(1, Ordering::AcqRel);
        self.state.store(RELEASED, Ordering::Release);
    }
}

/// The bytes of a name in words, the last one filled up with zeroes.
fn words_of(name: &str) -> impl Iterator<Item = u64> {
    name.as_bytes().chunks(WORD).map(|chunk| {
        let mut word = [0; WORD];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    })
}
