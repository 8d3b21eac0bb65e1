//! What is counted, and what is logged.

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};
use std::time::Duration;

/// On: it costs less than a hundredth of a read.
static TRACK: GucSetting<bool> = GucSetting::<bool>::new(true);
/// A thousand take 2.3 MB: most applications have some dozen kinds of things.
static TRACK_NAMESPACES: GucSetting<i32> = GucSetting::<i32>::new(1000);
/// Off, as log_min_duration_statement.
static LOG_MIN_DURATION: GucSetting<i32> = GucSetting::<i32>::new(-1);

/// Defines the settings.
pub(super) fn register() {
    GucRegistry::define_bool_guc(
        c"cache_pg.track",
        c"Whether what the cache does is counted.",
        c"Counters and latencies live in shared memory: cache_stats, cache_latency.",
        &TRACK,
        GucContext::Suset,
        GucFlags::empty(),
    );
    GucRegistry::define_int_guc(
        c"cache_pg.log_min_duration",
        c"The duration from which on an operation of the cache is logged; 0 logs all, -1 none.",
        c"With its key, and the W3C traceparent in application_name or in a comment of the statement.",
        &LOG_MIN_DURATION,
        -1,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_MS,
    );
}

/// Defines those that decide how much shared memory there is.
pub(super) fn register_memory() {
    GucRegistry::define_int_guc(
        c"cache_pg.track_namespaces",
        c"The most namespaces of the whole server that are counted one by one.",
        c"The others are counted together. Each takes 2.3 kB of shared memory.",
        &TRACK_NAMESPACES,
        1,
        1_000_000,
        super::of_memory(),
        GucFlags::empty(),
    );
}

/// `cache_pg.track`.
pub fn track() -> bool {
    TRACK.get()
}

/// `cache_pg.track_namespaces`.
pub fn track_namespaces() -> usize {
    TRACK_NAMESPACES.get().max(1) as usize
}

/// `cache_pg.log_min_duration`; None: nothing is logged.
pub fn log_min_duration() -> Option<Duration> {
    u64::try_from(LOG_MIN_DURATION.get()).ok().map(Duration::from_millis)
}
