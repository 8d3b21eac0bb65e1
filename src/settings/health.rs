//! The thresholds of `cache_health`.
//!
//! Owns these settings with their defaults. Must never judge a reading.

use cache_pg_rules::health::Thresholds;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};
use std::{ffi::CStr, time::Duration};

static HIT_RATIO: GucSetting<f64> = GucSetting::<f64>::new(0.7);
static LATENCY: GucSetting<i32> = GucSetting::<i32>::new(200);
static SWEEP_LAG: GucSetting<i32> = GucSetting::<i32>::new(180);
static EXPIRED_SHARE: GucSetting<f64> = GucSetting::<f64>::new(0.2);
static DEAD_SHARE: GucSetting<f64> = GucSetting::<f64>::new(0.3);
static BLOAT: GucSetting<f64> = GucSetting::<f64>::new(3.0);
static TRANSACTION_AGE: GucSetting<i32> = GucSetting::<i32>::new(300);
static ENTRY_SIZE: GucSetting<i32> = GucSetting::<i32>::new(256 * 1024);
static UNREAD_SHARE: GucSetting<f64> = GucSetting::<f64>::new(0.9);
static WRAPAROUND_AGE: GucSetting<i32> = GucSetting::<i32>::new(500_000_000);

/// Defines the settings.
pub(super) fn register() {
    const HINT: &CStr = c"A threshold of cache_health. It changes nothing else.";
    let share = |name, what, setting| {
        GucRegistry::define_float_guc(name, what, HINT, setting, 0.0, 1.0, GucContext::Userset, GucFlags::empty());
    };
    let amount = |name, what, setting, flags| {
        GucRegistry::define_int_guc(name, what, HINT, setting, 0, i32::MAX, GucContext::Userset, flags);
    };
    share(c"cache_pg.health_hit_ratio", c"Warn if the share of hits among all reads is smaller than this.", &HIT_RATIO);
    amount(
        c"cache_pg.health_latency",
        c"Warn if the slowest 1 % of gets take longer than this.",
        &LATENCY,
        GucFlags::UNIT_MS,
    );
    amount(
        c"cache_pg.health_sweep_lag",
        c"Warn if the last full sweep is older than this.",
        &SWEEP_LAG,
        GucFlags::UNIT_S,
    );
    share(c"cache_pg.health_expired_share", c"Warn if the share of expired rows is larger than this.", &EXPIRED_SHARE);
    share(
        c"cache_pg.health_dead_share",
        c"Warn if the share of dead rows in the table is larger than this.",
        &DEAD_SHARE,
    );
    GucRegistry::define_float_guc(
        c"cache_pg.health_bloat",
        c"Warn if the files of the table are larger than this multiple of the size of its rows.",
        HINT,
        &BLOAT,
        1.0,
        1000.0,
        GucContext::Userset,
        GucFlags::empty(),
    );
    amount(
        c"cache_pg.health_transaction_age",
        c"Warn if a transaction has kept vacuum from removing dead rows for longer than this.",
        &TRANSACTION_AGE,
        GucFlags::UNIT_S,
    );
    amount(c"cache_pg.health_entry_size", c"Warn if an entry is larger than this.", &ENTRY_SIZE, GucFlags::UNIT_BYTE);
    share(
        c"cache_pg.health_unread_share",
        c"Warn if the share of values of a namespace that are never read is larger than this.",
        &UNREAD_SHARE,
    );
    amount(
        c"cache_pg.health_wraparound_age",
        c"Warn if a table of the cache is older than this, in transactions.",
        &WRAPAROUND_AGE,
        GucFlags::empty(),
    );
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
