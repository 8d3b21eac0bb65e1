//! The settings `cache_pg.*`.
//!
//! Owns names, units, ranges and defaults; everyone else asks the typed getters below. Limits that protect the
//! server may be changed by superusers, or whom they grant SET on the parameter; what the workers do, in the
//! configuration file.

pub mod health;
mod size;
mod stats;

pub use size::{eviction_factor, hint_memory, limits, recency_memory};
pub use stats::{log_min_duration, track, track_namespaces};

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};
use std::time::Duration;

/// Five minutes, as Django, and as most of the caches of a web application.
static DEFAULT_TTL: GucSetting<i32> = GucSetting::<i32>::new(300);
/// Thirty days: what lives longer is data, not cache (memcached draws the line at the same place).
static MAX_TTL: GucSetting<i32> = GucSetting::<i32>::new(30 * 86_400);
/// One megabyte, as memcached: a larger value costs more to fetch than most to compute.
static MAX_VALUE_SIZE: GucSetting<i32> = GucSetting::<i32>::new(1024 * 1024);
/// Ten seconds, as the leases of "Scaling Memcache at Facebook" (NSDI '13).
static LEASE: GucSetting<i32> = GucSetting::<i32>::new(10_000);
/// Ten seconds: with little due, a turn costs some milliseconds for every thousand pages.
static SWEEP_INTERVAL: GucSetting<i32> = GucSetting::<i32>::new(10_000);
/// A thousand rows take a few milliseconds; ten times as many made the longest batch fourteen times as long.
static SWEEP_BATCH_SIZE: GucSetting<i32> = GucSetting::<i32>::new(1000);
/// Three, as autovacuum_max_workers, and one launcher fit into the default max_worker_processes of eight.
static MAX_WORKERS: GucSetting<i32> = GucSetting::<i32>::new(3);

/// On: what a crash can cost is up to three times wal_writer_delay of sets, never a delete.
static ASYNC_COMMIT: GucSetting<bool> = GucSetting::<bool>::new(true);

/// The largest `sweep_interval` and `lease`: a day, in milliseconds.
const DAY_MS: i32 = 86_400_000;

/// Defines the settings. Called once, when the library is loaded.
pub fn register() {
    GucRegistry::define_int_guc(
        c"cache_pg.default_ttl",
        c"How long an entry lives that is set without a ttl.",
        c"A namespace's default_ttl goes before it. Never longer than cache_pg.max_ttl.",
        &DEFAULT_TTL,
        1,
        i32::MAX,
        GucContext::Userset,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_int_guc(
        c"cache_pg.max_ttl",
        c"The longest time that an entry may live; 0 means no limit.",
        c"A longer ttl is refused. With 0, entries without a deadline are allowed too.",
        &MAX_TTL,
        0,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_int_guc(
        c"cache_pg.max_value_size",
        c"The largest value that may be stored.",
        c"Measured as jsonb without compression. A larger value is refused. A namespace may have its own limit.",
        &MAX_VALUE_SIZE,
        1,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_BYTE,
    );
    GucRegistry::define_int_guc(
        c"cache_pg.lease",
        c"How long one caller may take to compute a value that is missing.",
        c"A deleted key leaves a small row for twice this time, which refuses values that were computed before.",
        &LEASE,
        100,
        DAY_MS,
        GucContext::Suset,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_int_guc(
        c"cache_pg.sweep_interval",
        c"The longest time between two visits to the same page in search of expired entries.",
        c"The worker goes faster by itself while much is due. Reads never return an expired entry, swept or not.",
        &SWEEP_INTERVAL,
        100,
        DAY_MS,
        GucContext::Sighup,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_int_guc(
        c"cache_pg.sweep_batch_size",
        c"The most rows that are removed in one transaction.",
        c"More is somewhat cheaper for each row, and holds row locks for longer. Also what cache_sweep() removes at most.",
        &SWEEP_BATCH_SIZE,
        1,
        1_000_000,
        GucContext::Sighup,
        GucFlags::empty(),
    );
    GucRegistry::define_int_guc(
        c"cache_pg.max_workers",
        c"The most databases that are swept at the same time; 0 switches the worker off.",
        c"Each takes one of max_worker_processes while it works, and the launcher takes one more.",
        &MAX_WORKERS,
        0,
        256,
        GucContext::Sighup,
        GucFlags::empty(),
    );
    GucRegistry::define_bool_guc(
        c"cache_pg.async_commit",
        c"Whether a transaction that only sets, touches or counts entries commits without waiting for the disk.",
        c"A crash may forget the last of these. A transaction that deletes entries, or writes anything else, waits as ever.",
        &ASYNC_COMMIT,
        GucContext::Userset,
        GucFlags::empty(),
    );
    health::register();
    size::register();
    stats::register();
    size::register_memory();
    stats::register_memory();
    // SAFETY: the name is a literal; called when all settings of the prefix are defined.
    unsafe { pgrx::pg_sys::MarkGUCPrefixReserved(c"cache_pg".as_ptr()) };
}

/// The context of what decides how much shared memory there is. Where the library is not preloaded it means nothing,
/// and PostgreSQL would warn in each session of what the configuration file says: that it cannot be changed any more.
fn of_memory() -> GucContext {
    if crate::pg::backend::is_preloading() { GucContext::Postmaster } else { GucContext::Sighup }
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
