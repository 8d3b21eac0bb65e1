//! The limit on the size.

use cache_pg_rules::limit::{Limit, Limits};
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};

/// One gigabyte: a quarter of the memory of a small server of today, and a twentieth of its disk.
static MAX_SIZE: GucSetting<i32> = GucSetting::<i32>::new(1024 * 1024);
/// None: bytes are what a server is short of.
static MAX_ENTRIES: GucSetting<i32> = GucSetting::<i32>::new(0);
/// A twentieth: half of what a limit by entries may be exceeded by.
static OVERSHOOT: GucSetting<f64> = GucSetting::<f64>::new(1.05);
/// Eight megabytes: eight bytes for each of a million entries, so that few keys share one.
static RECENCY_MEMORY: GucSetting<i32> = GucSetting::<i32>::new(8192);
/// Sixteen megabytes: 16 bytes for each of a million entries.
static HINT_MEMORY: GucSetting<i32> = GucSetting::<i32>::new(16 * 1024);

/// Defines the settings.
pub(super) fn register() {
    GucRegistry::define_int_guc(
        c"cache_pg.max_size",
        c"The most that the live entries of a database take, with their share of indexes, TOAST table and the room that pages keep free; 0 means no limit.",
        c"Near it the worker removes what is used least. A namespace may have a limit of its own.",
        &MAX_SIZE,
        0,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_KB,
    );
    GucRegistry::define_int_guc(
        c"cache_pg.max_entries",
        c"The most live entries of a database; 0 means no limit.",
        c"Near it the worker removes what is used least. A namespace may have a limit of its own.",
        &MAX_ENTRIES,
        0,
        i32::MAX,
        GucContext::Suset,
        GucFlags::empty(),
    );
    GucRegistry::define_float_guc(
        c"cache_pg.eviction_factor",
        c"How many times the limit may be held before those who write make room themselves.",
        c"They do it at their commit, and wait for nobody. Without a worker it is what keeps the cache bounded.",
        &OVERSHOOT,
        1.0,
        10.0,
        GucContext::Suset,
        GucFlags::empty(),
    );
}

/// Defines those that decide how much shared memory there is.
pub(super) fn register_memory() {
    GucRegistry::define_int_guc(
        c"cache_pg.recency_memory",
        c"Shared memory to remember in what was read lately, so that it is kept when room is needed.",
        c"Eight bytes for each entry of the whole server are enough; with fewer, keys share one. 0 means that nothing is remembered.",
        &RECENCY_MEMORY,
        0,
        1024 * 1024,
        super::of_memory(),
        GucFlags::UNIT_KB,
    );
    GucRegistry::define_int_guc(
        c"cache_pg.hint_memory",
        c"Shared memory to remember in where the rows of keys are, so that they are read without the index.",
        c"Sixteen bytes for each entry of the whole server that is read often. 0 means that every read goes through the index.",
        &HINT_MEMORY,
        0,
        1024 * 1024,
        super::of_memory(),
        GucFlags::UNIT_KB,
    );
}

/// `cache_pg.max_entries` and `cache_pg.max_size`, the latter in bytes; None: no limit.
pub fn limits() -> Limits {
    let most = |setting: &GucSetting<i32>, unit: u64| Limit::new(setting.get().max(0) as u64 * unit);
    Limits { entries: most(&MAX_ENTRIES, 1), bytes: most(&MAX_SIZE, 1024) }
}

/// `cache_pg.eviction_factor`.
pub fn eviction_factor() -> f64 {
    OVERSHOOT.get()
}

/// `cache_pg.recency_memory` in bytes.
pub fn recency_memory() -> usize {
    RECENCY_MEMORY.get().max(0) as usize * 1024
}

/// `cache_pg.hint_memory` in bytes.
pub fn hint_memory() -> usize {
    HINT_MEMORY.get().max(0) as usize * 1024
}
