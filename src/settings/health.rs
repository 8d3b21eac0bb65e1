//! The thresholds of `cache_health`.
//!
//! Owns these settings with their defaults. Must never judge a reading.

use super::define::settings;
use cache_pg_rules::health::Thresholds;
use pgrx::{GucContext::Userset, GucSetting};
use std::{ffi::CStr, time::Duration};

const THRESHOLD: &CStr = c"This is a threshold of cache_health. It has no other effect.";

settings! {
    /// Defines these settings.
    fn register();

    HIT_RATIO: f64 = 0.7, 0.0 => 1.0; Userset; c"cache_pg.health_hit_ratio",
        c"Warn if the share of hits among all reads is smaller than this.", THRESHOLD;
    LATENCY: i32 = 200, 0 => i32::MAX; Userset, UNIT_MS; c"cache_pg.health_latency",
        c"Warn if the slowest 1 % of gets take longer than this.", THRESHOLD;
    SWEEP_LAG: i32 = 180, 0 => i32::MAX; Userset, UNIT_S; c"cache_pg.health_sweep_lag",
        c"Warn if the last full sweep is older than this.", THRESHOLD;
    EXPIRED_SHARE: f64 = 0.2, 0.0 => 1.0; Userset; c"cache_pg.health_expired_share",
        c"Warn if the share of expired rows is larger than this.", THRESHOLD;
    DEAD_SHARE: f64 = 0.3, 0.0 => 1.0; Userset; c"cache_pg.health_dead_share",
        c"Warn if the share of dead rows in the table is larger than this.", THRESHOLD;
    BLOAT: f64 = 3.0, 1.0 => 1000.0; Userset; c"cache_pg.health_bloat",
        c"Warn if the files of the table are larger than this multiple of the size of its rows.", THRESHOLD;
    TRANSACTION_AGE: i32 = 300, 0 => i32::MAX; Userset, UNIT_S; c"cache_pg.health_transaction_age",
        c"Warn if a transaction has kept vacuum from removing dead rows for longer than this.", THRESHOLD;
    ENTRY_SIZE: i32 = 256 * 1024, 0 => i32::MAX; Userset, UNIT_BYTE; c"cache_pg.health_entry_size",
        c"Warn if an entry is larger than this.", THRESHOLD;
    UNREAD_SHARE: f64 = 0.9, 0.0 => 1.0; Userset; c"cache_pg.health_unread_share",
        c"Warn if the share of values of a namespace that are never read is larger than this.", THRESHOLD;
    WRAPAROUND_AGE: i32 = 500_000_000, 0 => i32::MAX; Userset; c"cache_pg.health_wraparound_age",
        c"Warn if a table of the cache is older than this, in transactions.", THRESHOLD;
}

/// The current values of all thresholds.
pub fn thresholds() -> Thresholds {
    let whole = |setting: &GucSetting<i32>| u64::try_from(setting.get()).unwrap_or(0);
    Thresholds {
        hit_ratio: HIT_RATIO.get(),
        latency: Duration::from_millis(whole(&LATENCY)),
        sweep_lag: Duration::from_secs(whole(&SWEEP_LAG)),
        expired_share: EXPIRED_SHARE.get(),
        dead_share: DEAD_SHARE.get(),
        bloat: BLOAT.get(),
        transaction_age: Duration::from_secs(whole(&TRANSACTION_AGE)),
        entry_size: whole(&ENTRY_SIZE),
        unread_share: UNREAD_SHARE.get(),
        wraparound_age: whole(&WRAPAROUND_AGE),
    }
}
