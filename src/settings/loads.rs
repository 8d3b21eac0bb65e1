//! The settings of the workers that refresh entries ahead.
//!
//! Owns these settings with their defaults. Must never start a worker.

use super::define::{DAY_MS, settings};
use pgrx::GucContext::Sighup;
use std::time::Duration;

/// The largest `cache_pg.max_loaders`.
pub const MOST_LOADERS: i32 = 64;

settings! {
    /// Defines these settings.
    fn register();

    /// Two: with the launcher and three sweepers they fit into the default `max_worker_processes` of eight.
    MAX_LOADERS: i32 = 2, 0 => MOST_LOADERS; Sighup; c"cache_pg.max_loaders",
        c"Sets the maximum number of processes that refresh values before their deadline and warm keys; 0 turns this off.",
        c"They serve the namespaces with refresh_ahead, and cache_warm. Each takes one of max_worker_processes while it works.";
    /// Thirty seconds: a snapshot of this age holds back vacuum, and a slower loader is no loader of a cache.
    LOAD_TIMEOUT: i32 = 30_000, 1 => DAY_MS; Sighup, UNIT_MS; c"cache_pg.load_timeout",
        c"Sets how long a loader function may take in these processes, and a query of the option warm.",
        c"A function that takes longer is canceled and counts as failed. Callers of cache_get_or_set are not limited by it.";
    /// Half: two processes then take one processor at most.
    LOADER_SHARE: f64 = 0.5, 0.01 => 1.0; Sighup; c"cache_pg.loader_share",
        c"Sets the share of its time that such a process may spend on computing values.",
        c"After each load the process rests accordingly.";
}

/// `cache_pg.max_loaders`.
pub fn max_loaders() -> usize {
    MAX_LOADERS.get().max(0) as usize
}

/// `cache_pg.load_timeout`.
pub fn load_timeout() -> Duration {
    Duration::from_millis(LOAD_TIMEOUT.get().max(1) as u64)
}

/// `cache_pg.loader_share`, 0 to 1.
pub fn loader_share() -> f64 {
    LOADER_SHARE.get()
}
