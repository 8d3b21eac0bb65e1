//! TinyLFU as a library that is kept by others: moka.
//!
//! Owns how its cache is called. Must never let its work wait: what moka does behind the requests is done after each
//! one, so that a replay gives the same figures every time.

use super::interface::Policy;
use moka::sync::Cache;
use std::hash::{BuildHasherDefault, DefaultHasher};

/// moka's cache: a sketch of frequencies decides who comes in, LRU who leaves.
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
