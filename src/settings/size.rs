//! The settings of the limit on the size, and of the memory that eviction and reads use.
//!
//! Owns these settings with their defaults. Must never judge whether a limit is reached.

use super::define::{memory_context, settings};
use cache_pg_rules::hint;
use cache_pg_rules::limit::{Limit, Limits};
use pgrx::GucContext::{Sighup, Suset};
use pgrx::{GucSetting, pg_sys};
use std::time::Duration;

settings! {
    /// Defines these settings.
    fn register();

    /// One gigabyte: a quarter of the memory of a small server, and a twentieth of its disk.
    MAX_SIZE: i32 = 1024 * 1024, 0 => i32::MAX; Suset, UNIT_KB; c"cache_pg.max_size",
        c"Sets the maximum size of the live entries of a database; 0 means no limit.",
        c"Includes their share of the index, the TOAST table and the free space in pages. Near the limit, the sweeper evicts the least used entries. A namespace can have its own limit.";
    /// No limit: a server runs out of bytes, not of entries.
    MAX_ENTRIES: i32 = 0, 0 => i32::MAX; Suset; c"cache_pg.max_entries",
        c"Sets the maximum number of live entries of a database; 0 means no limit.",
        c"Near the limit, the sweeper evicts the least used entries. A namespace can have its own limit.";
    /// A twentieth: half of the allowed excess of a limit by entries.
    EVICTION_FACTOR: f64 = 1.05, 1.0 => 10.0; Suset; c"cache_pg.eviction_factor",
        c"Sets the multiple of the limit above which transactions that add entries also evict entries.",
        c"They evict at commit and wait for no lock. Without a sweeper, only these evictions keep the cache within its limits.";
    /// Eight megabytes: eight bytes for each of a million entries, so that few keys share a byte.
    RECENCY_MEMORY: i32 = 8192, 0 => 1024 * 1024; memory_context(), UNIT_KB; c"cache_pg.recency_memory",
        c"Sets the shared memory that records which entries were read recently, so that eviction keeps them.",
        c"Eight bytes for each entry of the server are enough; with fewer, many keys share a byte. With 0, nothing is recorded.";
    /// Five minutes, as `pg_prewarm.autoprewarm_interval`: a crash costs what was learnt since.
    RECENCY_SAVE_INTERVAL: i32 = 300, 0 => 86_400; Sighup, UNIT_S; c"cache_pg.recency_save_interval",
        c"Sets how often the record of which entries were read recently is saved to disk; 0 means only at a clean stop.",
        c"After a restart or a crash, eviction goes on with the record that was saved last.";
    /// A share of `shared_buffers`: only rows whose page is in a buffer are found without the index.
    HINT_MEMORY: i32 = -1, -1 => 1024 * 1024; memory_context(), UNIT_KB; c"cache_pg.hint_memory",
        c"Sets the shared memory that records where rows are, so that reads do not need the index.",
        c"Sixteen bytes for each frequently read entry of the server are enough for most of them. With -1, it is a sixteenth of shared_buffers, from 16MB to 1GB. With 0, every read uses the index.";
}

/// `cache_pg.max_entries`, and `cache_pg.max_size` in bytes; None: no limit.
pub fn limits() -> Limits {
    let most = |setting: &GucSetting<i32>, unit: u64| Limit::new(setting.get().max(0) as u64 * unit);
    Limits { entries: most(&MAX_ENTRIES, 1), bytes: most(&MAX_SIZE, 1024) }
}

/// `cache_pg.eviction_factor`.
pub fn eviction_factor() -> f64 {
    EVICTION_FACTOR.get()
}

/// `cache_pg.recency_memory` in bytes.
pub fn recency_memory() -> usize {
    RECENCY_MEMORY.get().max(0) as usize * 1024
}

/// `cache_pg.recency_save_interval`; None: only at a clean stop.
pub fn recency_save_interval() -> Option<Duration> {
    u64::try_from(RECENCY_SAVE_INTERVAL.get()).ok().filter(|&seconds| seconds > 0).map(Duration::from_secs)
}

/// `cache_pg.hint_memory` in bytes.
pub fn hint_memory() -> usize {
    match usize::try_from(HINT_MEMORY.get()) {
        Ok(kilobytes) => kilobytes * 1024,
        // SAFETY: the number of buffers, which never changes once the configuration was read.
        Err(_) => hint::memory_for(unsafe { pg_sys::NBuffers }.max(0) as usize * pg_sys::BLCKSZ as usize),
    }
}
