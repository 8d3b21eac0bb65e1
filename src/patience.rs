//! How long to wait for what others do.
//!
//! Owns how long computing took lately, for keys with the same hash, in shared memory. Must never let anybody wait for
//! longer than a lease.

use crate::clock::Steady;
use crate::settings;
use crate::shared_memory::is_preloading;
use crate::sweep::directory::attached;
use cache_pg_rules::key::Key;
use cache_pg_rules::token::hash;
use pgrx::prelude::*;
use pgrx::{PGRXSharedMemory, PgAtomic, pg_shmem_init};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many hashes of keys are told apart.
const HASHES: usize = 64;
/// What a busy machine may add to the time that computing takes, in microseconds.
const MARGIN: i64 = 500_000;
/// How long a commit may take on a slow disk, in microseconds.
const BRIEFLY: i64 = 20_000;
/// How often in a lease to look again at a row that is in the hands of who may wake nobody.
const LOOKS: i64 = 100;

/// The longest time that computing a value took lately, in microseconds.
struct Lately([AtomicU64; HASHES]);

// SAFETY: atomic numbers may live in shared memory.
unsafe impl PGRXSharedMemory for Lately {}

static LATELY: PgAtomic<Lately> = unsafe {
    // SAFETY: the name is used once.
    PgAtomic::new(c"cache_pg load times")
};

/// Reserves shared memory, where the library is being preloaded.
pub fn register_if_preloading() {
    if is_preloading() {
        pg_shmem_init!(LATELY = Lately([const { AtomicU64::new(0) }; HASHES]));
    }
}

fn lately(key: Key) -> Option<&'static AtomicU64> {
    attached().then(|| &LATELY.get().0[hash(key.as_str()) as usize % HASHES])
}

/// A value of the key was computed in so many microseconds. What was slow is forgotten by an eighth with each that was
/// faster.
pub fn note_computed(key: Key, took: i64) {
    if let Some(slowest) = lately(key) {
        let before = slowest.load(Ordering::Relaxed);
        let took = u64::try_from(took).unwrap_or(0).max(1);
        slowest.store(took.max(before - before / 8), Ordering::Relaxed);
    }
}

/// Until when to wait for a value that somebody else computes: as long as computing one for a key like this took lately,
/// and a little for a busy machine; a lease where nothing is known, and never longer.
pub fn for_value(key: Key) -> Steady {
    let lease = settings::lease();
    let slowest = lately(key).map_or(0, |slowest| slowest.load(Ordering::Relaxed));
    let patience = match i64::try_from(slowest) {
        Ok(0) | Err(_) => lease,
        Ok(slowest) => slowest.saturating_add(MARGIN).min(lease),
    };
    in_micros(patience)
}

/// Until when to wait for a transaction that holds the row and computes nothing: most end at once.
pub fn for_commit() -> Steady {
    in_micros(BRIEFLY)
}

/// When to look again at a row that another transaction holds: it may be one that wakes nobody.
pub fn soon() -> Steady {
    in_micros(settings::lease() / LOOKS)
}

fn in_micros(micros: i64) -> Steady {
    Steady::from_now(Duration::from_micros(micros.max(0) as u64))
}
