//! The thresholds of `cache_health`: from where on something is worth a warning.

use cache_pg_rules::health::Thresholds;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};
use std::ffi::CStr;
use std::time::Duration;

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
    const HINT: &CStr = c"Where cache_health begins to warn. It changes nothing else.";
    let share = |name, what, setting| {
        GucRegistry::define_float_guc(name, what, HINT, setting, 0.0, 1.0, GucContext::Userset, GucFlags::empty());
    };
    let amount = |name, what, setting, flags| {
        GucRegistry::define_int_guc(name, what, HINT, setting, 0, i32::MAX, GucContext::Userset, flags);
    };
    share(c"cache_pg.health_hit_ratio", c"The lowest share of hits among all reads.", &HIT_RATIO);
    amount(c"cache_pg.health_latency", c"The longest that 99 % of gets may take.", &LATENCY, GucFlags::UNIT_MS);
    amount(
        c"cache_pg.health_sweep_lag",
        c"The longest time between two turns of the hand.",
        &SWEEP_LAG,
        GucFlags::UNIT_S,
    );
    share(c"cache_pg.health_expired_share", c"The largest share of rows whose time is over.", &EXPIRED_SHARE);
    share(c"cache_pg.health_dead_share", c"The largest share of dead rows in the table.", &DEAD_SHARE);
    GucRegistry::define_float_guc(
        c"cache_pg.health_bloat",
        c"The largest files of the table, in times of what they hold.",
        HINT,
        &BLOAT,
        1.0,
        1000.0,
        GucContext::Userset,
        GucFlags::empty(),
    );
    amount(
        c"cache_pg.health_transaction_age",
        c"The longest time that a transaction may keep dead rows from being removed.",
        &TRANSACTION_AGE,
        GucFlags::UNIT_S,
    );
    amount(c"cache_pg.health_entry_size", c"The largest entry.", &ENTRY_SIZE, GucFlags::UNIT_BYTE);
    share(c"cache_pg.health_unread_share", c"The largest share of values that are never read.", &UNREAD_SHARE);
    amount(
        c"cache_pg.health_wraparound_age",
        c"The largest age of the tables of the cache, in transactions.",
        &WRAPAROUND_AGE,
        GucFlags::empty(),
    );
}

/// All of them.
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
