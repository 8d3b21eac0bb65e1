//! How long a caller waits for another session.
//!
//! Owns, in shared memory, how long computing a value took lately, and whether a computation ended without a value.
//! Must never let a caller wait for longer than a lease. Must never let a computation for one key release callers that
//! wait for another.

use crate::{pg::Steady, settings, shared::directory::attached};
use cache_pg_rules::{key::Key, token::hash};
use pgrx::{PGRXSharedMemory, PgAtomic, pg_shmem_init};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The number of slots. Keys whose hashes fall into one slot share it.
const SLOTS: usize = 4096;
/// How many bits of a key's hash a slot keeps, to tell its keys apart.
const OF_HASH: u32 = 48;
/// The time that a busy machine may add to a computation, in microseconds.
const MARGIN: i64 = 500_000;
/// How long a commit may take on a slow disk, in microseconds.
const BRIEFLY: i64 = 20_000;
/// How often in a lease to look again at a row whose holder may wake no waiter.
const LOOKS: i64 = 100;

/// The facts about the keys of one slot.
struct Slot {
    /// The longest time that computing a value took lately, in microseconds.
    slowest: AtomicU64,
    /// The last key whose computation ended without a value to store: its hash, with a counter in the upper bits.
    unstored: AtomicU64,
}

struct Shared([Slot; SLOTS]);

// SAFETY: atomic numbers may live in shared memory.
unsafe impl PGRXSharedMemory for Shared {}

// SAFETY: the name is used once.
static COMPUTING: PgAtomic<Shared> = unsafe { PgAtomic::new(c"cache_pg computing") };

/// Reserves shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    pg_shmem_init!(
        COMPUTING = Shared([const { Slot { slowest: AtomicU64::new(0), unstored: AtomicU64::new(0) } }; SLOTS])
    );
}

/// The slot of a key, and the hash by which the slot knows the key.
fn slot(key: Key) -> Option<(&'static Slot, u64)> {
    let hash = hash(key.as_str());
    attached().then(|| (&COMPUTING.get().0[hash as usize % SLOTS], hash >> (u64::BITS - OF_HASH)))
}

/// A number that changes when a computation for the key ends without a value to store. A caller that waited for that
/// computation need not wait for another.
pub fn unstored(key: Key) -> u64 {
    let of_key = |(slot, hash): (&Slot, u64)| {
        let last = slot.unstored.load(Ordering::Relaxed);
        if last & ((1 << OF_HASH) - 1) == hash { last } else { 0 }
    };
    slot(key).map_or(0, of_key)
}

/// Records that a computation for the key has ended without a value to store.
pub fn record_unstored(key: Key) {
    if let Some((slot, hash)) = slot(key) {
        let counter = (slot.unstored.load(Ordering::Relaxed) >> OF_HASH).wrapping_add(1);
        slot.unstored.store(counter << OF_HASH | hash, Ordering::Relaxed);
    }
}

/// Records that computing a value of the key took `took` microseconds. A faster one lowers the longest by an eighth.
pub fn record_computed(key: Key, took: i64) {
    if let Some((Slot { slowest, .. }, _)) = slot(key) {
        let before = slowest.load(Ordering::Relaxed);
        let took = u64::try_from(took).unwrap_or(0).max(1);
        slowest.store(took.max(before - before / 8), Ordering::Relaxed);
    }
}

/// Until when to wait for a value that another session computes: as long as computing one for such a key took lately,
/// and a margin for a busy machine. A lease if nothing is known, and never longer.
pub fn for_value(key: Key) -> Steady {
    let lease = settings::lease();
    let slowest = slot(key).map_or(0, |(slot, _)| slot.slowest.load(Ordering::Relaxed));
    let patience = match i64::try_from(slowest) {
        Ok(0) | Err(_) => lease,
        Ok(slowest) => slowest.saturating_add(MARGIN).min(lease),
    };
    in_micros(patience)
}

/// Until when to wait for a transaction that holds the row and computes nothing. Most end at once.
pub fn for_commit() -> Steady {
    in_micros(BRIEFLY)
}

/// When to look again at a row that another transaction holds, because that one may wake no waiter.
pub fn soon() -> Steady {
    in_micros(settings::lease() / LOOKS)
}

fn in_micros(micros: i64) -> Steady {
    Steady::from_now(Duration::from_micros(micros.max(0) as u64))
}
