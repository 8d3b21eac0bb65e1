//! Ghosts: records of evicted keys, which tell what more room would give.
//!
//! Owns one array in shared memory. For an evicted key it records the number of evictions so far. A miss that finds its
//! ghost tells how much larger the cache would have had to be to keep the entry (the reuse distance, as in Mattson et
//! al., 1970), unless the entry had expired by then. Memory is bounded: in a large cache only a sample of the keys is
//! recorded, chosen by hash, and each counts for many (SHARDS, Waldspurger et al., FAST '15). Must never be locked: a
//! ghost that two backends write at once is lost.

use crate::pg::{Timestamp, clock};
use crate::shared::array::{Shareable, SharedArray};
use crate::stats::{Counter, DatabaseStats, NamespaceStats};
use cache_pg_rules::ghost::{self, Distance};
use cache_pg_rules::{key::Key, places::Claim, token::hash};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The ghost of one evicted key: 16 bytes.
#[repr(C)]
pub struct Ghost {
    /// The upper half of the key's hash, mixed with its database. 0: empty.
    name: AtomicU32,
    /// The deadline of the entry, in seconds.
    expires: AtomicU32,
    /// The number of evictions before this one.
    number: AtomicU64,
}

// SAFETY: atomics, no pointers.
unsafe impl Shareable for Ghost {}

/// Two megabytes.
const GHOSTS: usize = 1 << 17;

pub(super) static GHOST_SLOTS: SharedArray<Ghost> = SharedArray::new(c"cache_pg ghosts", || GHOSTS);

/// The ghost slot of a key, if the key is in the sample; its name there, and for how many keys it counts.
fn slot(database: &DatabaseStats, key: Key) -> Option<(&'static Ghost, u32, u64)> {
    let every = ghost::sample(database.total.held().entries, GHOSTS as u64);
    let hash = hash(key.as_str());
    // The sample is chosen by other bits than the slot.
    let is_sampled = hash.rotate_left(32).is_multiple_of(every);
    let slot = GHOST_SLOTS.all().get(hash as usize % GHOSTS).filter(|_| is_sampled)?;
    let name = (hash >> 32) as u32 ^ database.owner();
    Some((slot, name.max(1), every))
}

/// Records that a key was evicted. Its entry would have lived until `expires_at`.
pub fn remember(key: Key, expires_at: Timestamp) {
    let Some(database) = DatabaseStats::mine() else { return };
    let number = database.evictions.fetch_add(1, Ordering::Relaxed);
    if let Some((ghost, name, _)) = slot(database, key) {
        ghost.name.store(name, Ordering::Relaxed);
        ghost.expires.store(seconds(expires_at), Ordering::Relaxed);
        ghost.number.store(number, Ordering::Relaxed);
    }
}

/// Counts for a miss how much larger the cache would have had to be.
pub fn missed(key: Key) {
    let Some(database) = DatabaseStats::mine() else { return };
    let evictions = database.evictions.load(Ordering::Relaxed);
    if evictions == 0 {
        return;
    }
    let Some((ghost, name, every)) = slot(database, key) else { return };
    if ghost.name.load(Ordering::Relaxed) != name || ghost.expires.load(Ordering::Relaxed) <= seconds(clock::now()) {
        return;
    }
    ghost.name.store(0, Ordering::Relaxed);
    let since = evictions.saturating_sub(ghost.number.load(Ordering::Relaxed));
    let counter = match ghost::distance(since, database.total.held().entries) {
        Distance::Half => Counter::Spared150,
        Distance::Once => Counter::Spared200,
        Distance::Thrice => Counter::Spared400,
        Distance::Beyond => return,
    };
    if let Some(stats) = NamespaceStats::of(key.namespace(), Claim::Missed) {
        stats.counters.add(counter, every);
    }
}

/// A moment in seconds, limited to the largest value.
fn seconds(moment: Timestamp) -> u32 {
    u32::try_from(moment.0.max(0) / 1_000_000).unwrap_or(u32::MAX)
}
