//! A place for each namespace: one hash table for the whole server, in shared memory.
//!
//! Owns how a place is found and taken. To find one takes no lock: a place is free, being taken, somebody's, or left by
//! a database that is gone, and who reads its name looks at the generation before and after. To take one, or to give it
//! back, takes a lock that nobody but the launcher waits for. A namespace that nothing has used for a while loses its
//! place to another one, with all that was counted for it (`rules::places` says when); its database's `merged` keeps
//! that. Must never raise while the lock is held.

use super::memory::{self, Tally};
use crate::pg::clock;
use crate::settings;
use crate::shared::array::{self, Shareable, SharedArray};
use cache_pg_rules::places::{self, Claim, Taken};
use cache_pg_rules::token::hash;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// The longest namespace is shorter than the longest key.
const MAX_NAME: usize = 512;
const WORD: usize = size_of::<u64>();
const MINUTE: i64 = 60_000_000;

/// A namespace's place in the hash table.
#[repr(C)]
pub struct Place {
    state: AtomicU32,
    database: AtomicU32,
    length: AtomicU32,
    name: [AtomicU64; MAX_NAME / WORD],
    /// What is counted for it.
    pub tally: Tally,
}

const FREE: u32 = 0;
const BEING_TAKEN: u32 = 1;
const TAKEN: u32 = 2;
/// Its database is gone. Whoever looks for a namespace goes on behind it.
const LEFT: u32 = 3;

/// What is about all places.
#[repr(C)]
struct Control {
    /// Whether somebody is taking a place.
    is_locked: AtomicU32,
    /// The minute in which the clock below last moved.
    minute: AtomicU32,
    /// A coarse clock: it moves once a minute at most, when somebody looks at the real one, so that what is used in
    /// between can be told from what is not.
    ticks: AtomicU32,
}

// SAFETY: atomics, no pointers.
unsafe impl Shareable for Place {}
// SAFETY: atomics, no pointers.
unsafe impl Shareable for Control {}
static PLACES: SharedArray<Place> = SharedArray::new(c"cache_pg namespaces", settings::track_namespaces);
static CONTROL: SharedArray<Control> = SharedArray::new(c"cache_pg namespaces control", || 1);

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    array::reserve(&PLACES);
    array::reserve(&CONTROL);
}

/// All places.
pub fn all() -> &'static [Place] {
    PLACES.all()
}

/// The coarse clock.
pub fn ticks() -> u32 {
    CONTROL.all().first().map_or(0, |control| control.ticks.load(Ordering::Relaxed))
}

/// Moves the coarse clock on, where a minute is over. Called by the launcher in each of its rounds.
pub fn tick() {
    let Some(control) = CONTROL.all().first() else { return };
    let (minute, before) = ((clock::now().0 / MINUTE) as u32, control.minute.load(Ordering::Relaxed));
    let moves = || control.minute.compare_exchange(before, minute, Ordering::Relaxed, Ordering::Relaxed).is_ok();
    if minute != before && moves() {
        control.ticks.fetch_add(1, Ordering::Relaxed);
    }
}

/// Where a namespace is looked for: from there on, until a place that was never taken.
fn from_first(database: u32, name: &str) -> impl Iterator<Item = &'static Place> {
    let places = PLACES.all();
    let first = (hash(name) ^ u64::from(database).rotate_left(32)) as usize % places.len().max(1);
    places[first..].iter().chain(&places[..first])
}

/// The place of a namespace, and its generation; None where it has none.
pub fn find(database: u32, name: &str) -> Option<(&'static Place, u32)> {
    let may_follow = |place: &&Place| place.state.load(Ordering::Acquire) != FREE;
    from_first(database, name)
        .take_while(may_follow)
        .find_map(|place| Some((place, place.generation_of(database, name)?)))
}

/// The same; where it has none it takes one that `claim` entitles it to.
pub fn find_or_take(database: u32, name: &str, claim: Claim) -> Option<(&'static Place, u32)> {
    if let found @ Some(_) = find(database, name) {
        return found;
    }
    if claim == Claim::Missed || name.len() > MAX_NAME {
        return None;
    }
    tick();
    let _lock = Lock::try_take()?;
    // Somebody may have been faster.
    if let found @ Some(_) = find(database, name) {
        return found;
    }
    let place = from_first(database, name).find(|place| place.is_free()).or_else(|| {
        let chosen = places::choose(PLACES.all().iter().map(Place::as_taken), claim)?;
        PLACES.all().get(chosen).inspect(|place| place.merge())
    })?;
    Some((place, place.take(database, name)))
}

/// A database is gone: its places are free. Under the lock, or a place might get another owner between the look and the
/// change.
pub fn forget(database: u32) {
    let is_its = |place: &&Place| place.owner().is_some_and(|(owner, _)| owner == database);
    let _lock = Lock::take();
    PLACES.all().iter().filter(is_its).for_each(Place::leave);
}

/// The right to take places, and to give them back.
struct Lock(&'static Control);

impl Lock {
    /// How often to ask for it.
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

    /// Waits for it, which only the launcher may. It is held for a look at all places; None where there are none.
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

impl Place {
    fn is_free(&self) -> bool {
        matches!(self.state.load(Ordering::Acquire), FREE | LEFT)
    }

    fn as_taken(&self) -> Option<Taken> {
        (self.state.load(Ordering::Acquire) == TAKEN).then(|| Taken {
            is_configured: self.tally.is_configured.load(Ordering::Relaxed),
            idle: ticks().saturating_sub(self.tally.last_used.load(Ordering::Relaxed)),
        })
    }

    /// Its generation, where it is this namespace's.
    fn generation_of(&self, database: u32, name: &str) -> Option<u32> {
        let generation = self.tally.generation.load(Ordering::Acquire);
        let is_it = self.state.load(Ordering::Acquire) == TAKEN
            && self.database.load(Ordering::Relaxed) == database
            && self.length.load(Ordering::Relaxed) as usize == name.len()
            && words_of(name).zip(&self.name).all(|(word, known)| known.load(Ordering::Relaxed) == word);
        (is_it && self.is_still(generation)).then_some(generation)
    }

    /// Whether it is still whose it was.
    fn is_still(&self, generation: u32) -> bool {
        std::sync::atomic::fence(Ordering::Acquire);
        self.tally.generation.load(Ordering::Relaxed) == generation
    }

    /// The database and the namespace; None where it is nobody's.
    pub fn owner(&self) -> Option<(u32, String)> {
        let generation = self.tally.generation.load(Ordering::Acquire);
        if self.state.load(Ordering::Acquire) != TAKEN {
            return None;
        }
        let (database, length) = (self.database.load(Ordering::Relaxed), self.length.load(Ordering::Relaxed));
        let mut name: Vec<u8> = self.name.iter().flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes()).collect();
        name.truncate(length as usize);
        // A name that was replaced meanwhile is nobody's.
        String::from_utf8(name).ok().filter(|_| self.is_still(generation)).map(|name| (database, name))
    }

    /// Makes it a namespace's, and returns its generation. Under the lock.
    fn take(&self, database: u32, name: &str) -> u32 {
        self.state.store(BEING_TAKEN, Ordering::Relaxed);
        let generation = self.tally.generation.load(Ordering::Relaxed).wrapping_add(1);
        // A reader of this generation must not find it taken before it is: the name would still be that of another one.
        self.tally.generation.store(generation, Ordering::Release);
        std::sync::atomic::fence(Ordering::Release);
        self.database.store(database, Ordering::Relaxed);
        self.length.store(name.len() as u32, Ordering::Relaxed);
        words_of(name).zip(&self.name).for_each(|(word, place)| place.store(word, Ordering::Relaxed));
        self.tally.reset();
        self.tally.is_configured.store(false, Ordering::Relaxed);
        self.tally.last_used.store(ticks(), Ordering::Relaxed);
        self.state.store(TAKEN, Ordering::Release);
        generation
    }

    /// What was counted for it is its database's from now on. Under the lock.
    fn merge(&self) {
        let database = self.database.load(Ordering::Relaxed);
        if let Some(area) = memory::area_owned_by(database) {
            area.merged.counters.add_all(&self.tally.counters);
            area.merged_namespaces.fetch_add(1, Ordering::Relaxed);
            area.rest.census.add_all(&self.tally.census);
        }
    }

    /// Its database is gone. Under the lock.
    fn leave(&self) {
        self.tally.generation.fetch_add(1, Ordering::AcqRel);
        self.state.store(LEFT, Ordering::Release);
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
