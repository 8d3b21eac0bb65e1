//! Owns the use of moka, a library with TinyLFU.
//!
//! Must never leave work pending: moka finishes its background work after each request, so that a replay gives the same
//! figures every time.

use super::interface::Policy;
use moka::sync::Cache;
use std::hash::{BuildHasherDefault, DefaultHasher};

/// moka's cache: a sketch of frequencies decides on admission, LRU on eviction.
pub struct Moka(Cache<u32, u32, BuildHasherDefault<DefaultHasher>>);

impl Moka {
    /// Holds `limit`.
    pub fn new(limit: u64) -> Self {
        let cache = Cache::builder().max_capacity(limit).weigher(|_: &u32, weight: &u32| *weight);
        Self(cache.build_with_hasher(BuildHasherDefault::default()))
    }
}

impl Policy for Moka {
    fn request(&mut self, key: u32, weight: u32) -> bool {
        let hit = self.0.get(&key).is_some();
        if !hit {
            self.0.insert(key, weight);
        }
        self.0.run_pending_tasks();
        hit
    }
}
