//! A place for each namespace: one hash table for the whole server, in shared memory.
//!
//! Owns how a place is found and taken, without a lock: a place is free, being taken, somebody's, or left by a database
//! that is gone. What it says of its owner is written while it is being taken, and not changed after that.

use super::memory::Tally;
use crate::settings;
use crate::shared_memory::{self, Shareable, SharedArray};
use cache_pg_rules::token::hash;
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU32, Ordering};

/// The longest namespace is shorter than the longest key.
const MAX_NAME: usize = 512;

/// A namespace's place in the hash table.
#[repr(C)]
pub struct Place {
    state: AtomicU32,
    database: AtomicU32,
    length: AtomicU32,
    name: UnsafeCell<[u8; MAX_NAME]>,
    /// What is counted for it.
    pub tally: Tally,
}

const FREE: u32 = 0;
const BEING_TAKEN: u32 = 1;
const TAKEN: u32 = 2;
/// Its database is gone. Whoever looks for a namespace goes on behind it.
const LEFT: u32 = 3;

// SAFETY: the name is written by whoever has moved the state to BEING_TAKEN, and read in the state TAKEN only.
unsafe impl Sync for Place {}
// SAFETY: atomics and bytes, no pointers.
unsafe impl Shareable for Place {}
static PLACES: SharedArray<Place> = SharedArray::new(c"cache_pg namespaces", settings::track_namespaces);

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    shared_memory::reserve(&PLACES);
}

/// All places.
pub fn all() -> &'static [Place] {
    PLACES.all()
}

/// The place of a namespace, a free one where it has none yet; None where there is no room.
pub fn place_of(database: u32, name: &str) -> Option<&'static Place> {
    let places = PLACES.all();
    if name.len() > MAX_NAME || places.is_empty() {
        return None;
    }
    let first = (hash(name) ^ u64::from(database).rotate_left(32)) as usize % places.len();
    let from_first = || places[first..].iter().chain(&places[..first]);
    let may_follow = |place: &&Place| place.state.load(Ordering::Acquire) != FREE;
    let known = from_first().take_while(may_follow).find(|place| place.is_of(database, name));
    known.or_else(|| from_first().find(|place| place.is_of(database, name) || place.take(database, name)))
}

impl Place {
    fn is_of(&self, database: u32, name: &str) -> bool {
        self.owner().is_some_and(|(owner, known)| owner == database && known == name)
    }

    /// The database and the namespace; None where it is nobody's.
    pub fn owner(&self) -> Option<(u32, &str)> {
        // Whoever takes it is done in some nanoseconds, unless somebody more urgent interrupts.
        let state = loop {
            match self.state.load(Ordering::Acquire) {
                BEING_TAKEN => std::thread::yield_now(),
                state => break state,
            }
        };
        if state != TAKEN {
            return None;
        }
        let length = self.length.load(Ordering::Relaxed) as usize;
        // SAFETY: in the state TAKEN nobody writes the name.
        let name = unsafe { &*self.name.get() }.get(..length).and_then(|name| std::str::from_utf8(name).ok());
        Some((self.database.load(Ordering::Relaxed), name.unwrap_or_default()))
    }

    /// Takes it, if it is nobody's, and says whether it is now this namespace's.
    fn take(&self, database: u32, name: &str) -> bool {
        let mut states = [FREE, LEFT].into_iter();
        let takes =
            |state| self.state.compare_exchange(state, BEING_TAKEN, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if !states.any(takes) {
            // Somebody was faster, perhaps for the same namespace.
            return self.is_of(database, name);
        }
        self.database.store(database, Ordering::Relaxed);
        self.length.store(name.len() as u32, Ordering::Relaxed);
        // SAFETY: in the state BEING_TAKEN the name is ours alone.
        let place = unsafe { &mut *self.name.get() };
        place[..name.len()].copy_from_slice(name.as_bytes());
        self.tally.reset();
        self.state.store(TAKEN, Ordering::Release);
        true
    }

    /// Its database is gone.
    pub fn leave(&self) {
        self.state.store(LEFT, Ordering::Release);
    }
}
