//! The settings of the statistics and of the log.
//!
//! Owns these settings with their defaults. Must never count or log anything.

use super::define::{memory_context, settings};
use pgrx::GucContext::Suset;
use std::time::Duration;

settings! {
    /// Defines these settings.
    fn register();

    /// On: counting costs less than a hundredth of a read.
    TRACK: bool = true; Suset; c"cache_pg.track",
        c"Collects statistics of the cache.",
        c"The statistics are in shared memory. The views cache_stats and cache_latency show them.";
    /// A thousand take 2.3 MB: most applications have a few dozen kinds of objects.
    TRACK_NAMESPACES: i32 = 1000, 1 => 1_000_000; memory_context(); c"cache_pg.track_namespaces",
        c"Sets the maximum number of namespaces of the server that are counted separately.",
        c"The other namespaces are counted together. Each namespace takes 2.3 kB of shared memory.";
    /// Off, as `log_min_duration_statement`.
    LOG_MIN_DURATION: i32 = -1, -1 => i32::MAX; Suset, UNIT_MS; c"cache_pg.log_min_duration",
        c"Sets the minimum duration above which an operation of the cache is logged.",
        c"0 logs all operations, and -1 logs none. The log line has the key, and the W3C traceparent from application_name or from a comment of the statement.";
}

/// `cache_pg.track`.
pub fn track() -> bool {
    TRACK.get()
}

/// `cache_pg.track_namespaces`.
pub fn track_namespaces() -> usize {
    TRACK_NAMESPACES.get().max(1) as usize
}

/// `cache_pg.log_min_duration`; None: log nothing.
pub fn log_min_duration() -> Option<Duration> {
    u64::try_from(LOG_MIN_DURATION.get()).ok().map(Duration::from_millis)
}
