//! Which keys were read lately.
//!
//! Owns one byte for each key in shared memory, found by a hash of the key and its database. Two keys may share a byte:
//! then they are kept together. A read stores only if the byte changes, so a hot key costs a load. [`eviction`] defines
//! the meaning of the byte. Must never be locked, nor need to be exact: a lost update costs a hit.

use crate::pg::prefetch;
use crate::shared::array::{Shareable, SharedArray};
use crate::{settings, stats::DatabaseStats};
use cache_pg_rules::eviction::{self, Level, Place, Use};
use cache_pg_rules::token::hash;
use std::sync::atomic::{AtomicU8, Ordering};

/// What is remembered of a key.
#[repr(transparent)]
pub struct Byte(AtomicU8);

// SAFETY: an atomic, no pointers.
unsafe impl Shareable for Byte {}

pub(super) static BYTES: SharedArray<Byte> = SharedArray::new(c"cache_pg recency", settings::recency_memory);

/// Prefetches the byte of a key.
pub fn prefetch(key: &str) {
    if BYTES.all().is_empty() {
        return;
    }
    if let Some((byte, _)) = DatabaseStats::mine().and_then(|database| of(database, key)) {
        prefetch::prefetch(byte);
    }
}

/// Records that a live entry was read.
pub fn touch(key: &str) {
    mark_read(hash(key));
}

/// Records that a key got an entry.
pub fn insert(key: &str) {
    change(hash(key), |used, place, level| used.written(place, level));
}

/// The byte of a key of this database. None: there is no memory for it.
pub fn of(database: &DatabaseStats, key: &str) -> Option<(&'static Byte, Place)> {
    of_hash(database, hash(key))
}

fn of_hash(database: &DatabaseStats, hash: u64) -> Option<(&'static Byte, Place)> {
    let bytes = BYTES.all();
    let salt = u64::from(database.owner()).rotate_left(32);
    let place = Place::of(hash ^ salt, bytes.len());
    bytes.get(place.byte).map(|byte| (byte, place))
}

/// Whether there is a memory of reads.
pub fn is_kept() -> bool {
    !BYTES.all().is_empty()
}

/// Whether the key with this hash was read since [`mark_unread`], or another key that shares its byte.
pub fn is_read(hash: u64) -> bool {
    let byte = DatabaseStats::mine().and_then(|database| Some((database.level(), of_hash(database, hash)?.0)));
    byte.is_some_and(|(level, byte)| byte.get().is_read(level))
}

/// From now on tells later reads of the key with this hash from earlier ones.
pub fn mark_unread(hash: u64) {
    change(hash, |used, _, level| used.unread(level));
}

/// Records a read of the key with this hash.
pub fn mark_read(hash: u64) {
    change(hash, |used, _, level| used.touched(level));
}

/// Stores in the byte of a key what `next` makes of it, if that is anything else.
fn change(hash: u64, next: impl FnOnce(Use, Place, Level) -> Option<Use>) {
    if let Some(database) = DatabaseStats::mine()
        && let Some((byte, place)) = of_hash(database, hash)
        && let Some(used) = next(byte.get(), place, database.level())
    {
        byte.set(used);
    }
}

/// Forgets the marks of other evicted keys after `evicted` evictions, with `left` entries left. It goes on where the
/// last call stopped.
pub fn decay(database: &DatabaseStats, evicted: u64, left: u64) {
    let bytes = BYTES.all();
    if bytes.is_empty() {
        return;
    }
    let count = eviction::to_forget(evicted, left, bytes.len());
    let start = database.forget_at.fetch_add(count as u64, Ordering::Relaxed) as usize;
    for number in start..start + count {
        let byte = &bytes[number % bytes.len()];
        if let Some(used) = byte.get().forgotten() {
            byte.set(used);
        }
    }
}

impl Byte {
    /// What the byte says.
    pub fn get(&self) -> Use {
        Use::from_bits(self.0.load(Ordering::Relaxed))
    }

    /// Stores another state.
    pub fn set(&self, used: Use) {
        self.0.store(used.bits(), Ordering::Relaxed);
    }
}
