//! The settings `cache_pg.*`.
//!
//! Owns names, units, ranges and defaults; other modules call the typed getters. Superusers, and roles with GRANT SET
//! ON PARAMETER, change the limits that protect the server. The configuration file alone changes the settings of the
//! workers. Must never act on a setting.

mod define;
mod errors;
pub mod health;
mod loads;
mod size;
mod stats;

pub use errors::{Errors, errors};
pub use loads::{MOST_LOADERS, load_timeout, loader_share, max_loaders};
pub use size::{eviction_factor, hint_memory, limits, recency_memory, recency_save_interval};
pub use stats::{log_min_duration, track, track_namespaces};

use define::{DAY_MS, settings};
use pgrx::GucContext::{Sighup, Suset, Userset};
use std::time::Duration;

settings! {
    /// Defines these settings.
    fn register_own();

    /// Five minutes, as in Django and in most caches of web applications.
    DEFAULT_TTL: i32 = 300, 1 => i32::MAX; Userset, UNIT_S; c"cache_pg.default_ttl",
        c"Sets the time to live of entries that are set without a ttl.",
        c"The default_ttl of a namespace takes precedence. cache_pg.max_ttl limits both.";
    /// Thirty days: a value that lives longer is data, not cache. memcached has the same limit.
    MAX_TTL: i32 = 30 * 86_400, 0 => i32::MAX; Suset, UNIT_S; c"cache_pg.max_ttl",
        c"Sets the maximum time to live of an entry; 0 means no limit.",
        c"A longer ttl is rejected. With 0, entries without a deadline are allowed.";
    /// One megabyte, as in memcached: a larger value costs more to fetch than most values cost to compute.
    MAX_VALUE_SIZE: i32 = 1024 * 1024, 1 => i32::MAX; Suset, UNIT_BYTE; c"cache_pg.max_value_size",
        c"Sets the maximum size of a value.",
        c"The size is that of the jsonb or of the bytes before compression. A larger value is rejected. A namespace can have its own limit.";
    /// Ten seconds, as the leases of "Scaling Memcache at Facebook" (NSDI '13).
    LEASE: i32 = 10_000, 100 => DAY_MS; Suset, UNIT_MS; c"cache_pg.lease",
        c"Sets how long one caller may compute a missing value before another caller may.",
        c"A deleted key leaves a tombstone for twice this time. It rejects values that were computed before the delete.";
    /// Ten seconds: while few rows are due, a full sweep costs a few milliseconds for every thousand pages.
    SWEEP_INTERVAL: i32 = 10_000, 100 => DAY_MS; Sighup, UNIT_MS; c"cache_pg.sweep_interval",
        c"Sets the maximum time in which the sweeper visits every page of the table.",
        c"The sweeper works faster while many entries have expired. Reads never return an expired entry, even if its row still exists.";
    /// A thousand rows take a few milliseconds; with ten thousand, the longest batch took fourteen times as long.
    SWEEP_BATCH_SIZE: i32 = 1000, 1 => 1_000_000; Sighup; c"cache_pg.sweep_batch_size",
        c"Sets the maximum number of rows that the sweeper removes in one transaction.",
        c"A larger batch costs less for each row, but holds row locks longer. The setting is also the default of cache_sweep().";
    /// Three, as `autovacuum_max_workers`: with the launcher they fit into the default `max_worker_processes` of eight.
    MAX_WORKERS: i32 = 3, 0 => 256; Sighup; c"cache_pg.max_workers",
        c"Sets the maximum number of databases that are swept at the same time; 0 turns sweeping off.",
        c"Each sweeper takes one of max_worker_processes while it works, and the launcher takes one more.";
    /// On: a crash can lose the sets of up to three times `wal_writer_delay`, but never a delete.
    ASYNC_COMMIT: bool = true; Userset; c"cache_pg.async_commit",
        c"Commits without waiting for the disk if a transaction only sets, fills, touches or increments entries.",
        c"A crash can lose the last of these transactions. A transaction that deletes entries or writes other tables waits as usual.";
}

/// Defines all settings. Called once, when the library is loaded.
pub fn register() {
    register_own();
    errors::register();
    health::register();
    loads::register();
    size::register();
    stats::register();
    // SAFETY: the name is a literal; called when all settings of the prefix are defined.
    unsafe { pgrx::pg_sys::MarkGUCPrefixReserved(c"cache_pg".as_ptr()) };
}

/// `cache_pg.default_ttl` in microseconds.
pub fn default_ttl() -> i64 {
    i64::from(DEFAULT_TTL.get()) * 1_000_000
}

/// `cache_pg.max_ttl` in microseconds; None: no limit.
pub fn max_ttl() -> Option<i64> {
    Some(MAX_TTL.get()).filter(|&seconds| seconds > 0).map(|seconds| i64::from(seconds) * 1_000_000)
}

/// `cache_pg.max_value_size` in bytes.
pub fn max_value_size() -> usize {
    MAX_VALUE_SIZE.get().max(0) as usize
}

/// `cache_pg.lease` in microseconds.
pub fn lease() -> i64 {
    i64::from(LEASE.get()) * 1_000
}

/// `cache_pg.async_commit`.
pub fn async_commit() -> bool {
    ASYNC_COMMIT.get()
}

/// `cache_pg.sweep_interval`.
pub fn sweep_interval() -> Duration {
    Duration::from_millis(SWEEP_INTERVAL.get().max(0) as u64)
}

/// `cache_pg.sweep_batch_size`.
pub fn sweep_batch_size() -> u32 {
    SWEEP_BATCH_SIZE.get().max(1) as u32
}

/// `cache_pg.max_workers`.
pub fn max_workers() -> usize {
    MAX_WORKERS.get().max(0) as usize
}
