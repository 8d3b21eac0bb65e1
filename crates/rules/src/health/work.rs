//! The checks of what the cache does: which library works with which schema, reads, and sweeps.
//!
//! Owns these checks. Must never judge what the cache holds.

use super::check::{CRITICAL, Check, Status, beyond, check, percent, share, unknown};
use super::readings::{Readings, Thresholds};
use super::units::time;

/// This many failures in a row are critical.
const CRITICAL_FAILURES: u32 = 3;

pub(super) fn version(now: &Readings) -> Check {
    let (schema, library) = &now.versions;
    let status = if schema == library { Status::Ok } else { Status::Warning };
    let advice = "The library is newer than the extension in this database, which lacks what later versions add. Run \
                  ALTER EXTENSION cache_pg UPDATE;";
    check("version", status, schema.clone(), library.clone(), advice)
}

pub(super) fn preload(now: &Readings) -> Check {
    let (status, value) = if now.is_preloaded { (Status::Ok, "yes") } else { (Status::Warning, "no") };
    let advice = "Without shared memory there are no statistics, and no worker removes expired entries. Add cache_pg to \
                  shared_preload_libraries and restart.";
    check("preloaded", status, value.into(), "yes".into(), advice)
}

pub(super) fn worker(now: &Readings) -> Check {
    let (status, value, advice) = match (now.has_worker, now.may_sweep) {
        (true, true) => (Status::Ok, "running", ""),
        (true, false) => (Status::Warning, "switched off", "Set cache_pg.max_workers to 1 or more and reload."),
        (false, _) => (
            Status::Warning,
            "not running",
            "Expired entries are never returned, but their rows stay. The server log says why the launcher ended. \
             Without cache_pg in shared_preload_libraries, call cache_sweep() regularly.",
        ),
    };
    check("worker", status, value.into(), "running".into(), advice)
}

pub(super) fn hit_ratio(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("at least {}", percent(limit.hit_ratio));
    let Some(ratio) = share(now.hits, now.misses) else { return unknown("hit_ratio", threshold) };
    let status = match ratio {
        ratio if ratio >= limit.hit_ratio => Status::Ok,
        ratio if ratio >= limit.hit_ratio / CRITICAL => Status::Warning,
        _ => Status::Critical,
    };
    let advice = "See cache_stats for the namespaces with many misses, and cache_advice. After a cold start, call \
                  cache_stats_reset() to count from zero.";
    check("hit_ratio", status, percent(ratio), threshold, advice)
}

pub(super) fn latency(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("99 % of gets within {}", time(limit.latency));
    let Some(latency) = now.latency else { return unknown("latency", threshold) };
    let status = beyond(latency.as_secs_f64(), limit.latency.as_secs_f64());
    let advice = "A get usually takes microseconds, so these gets wait for a lock or for the disk. See cache_latency, and \
                  wait_event in pg_stat_activity. Check whether the table fits into shared_buffers.";
    check("latency", status, time(latency), threshold, advice)
}

pub(super) fn sweep_failures(now: &Readings) -> Check {
    let status = match now.failures {
        0 => Status::Ok,
        1..CRITICAL_FAILURES => Status::Warning,
        _ => Status::Critical,
    };
    let why = now.last_error.as_deref().unwrap_or("see the server log");
    let advice = format!("The sweeper fails: {why}. See cache_sweeps.");
    check("sweep_failures", status, format!("{} in a row", now.failures), "none".into(), advice)
}

pub(super) fn sweep_lag(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("a full sweep within {}", time(limit.sweep_lag));
    let Some(ago) = now.last_turn else { return unknown("sweep_lag", threshold) };
    let status = beyond(ago.as_secs_f64(), limit.sweep_lag.as_secs_f64());
    let advice = "The sweeper is late. Either another session holds a lock on cache_entries, or all sweepers work in \
                  other databases (raise cache_pg.max_workers), or no background worker slot is free (raise \
                  max_worker_processes).";
    check("sweep_lag", status, format!("last full sweep {} ago", time(ago)), threshold, advice)
}

pub(super) fn refreshes(now: &Readings) -> Check {
    let it = &now.refreshing;
    let found = |status, value: &str, advice: String| check("refreshes", status, value.into(), "work".into(), advice);
    let off = "Entries with refresh_ahead expire, keys in line are not warmed, and their next reader computes them.";
    match (&it.failing, &it.slow[..]) {
        _ if let Some(first) = it.lacking_loader.first() => {
            let advice = format!(
                "Configure a loader for namespace \"{first}\", or set its refresh_ahead to 0 and its warm to ''. {off}"
            );
            found(Status::Warning, "no loader", advice)
        }
        _ if !it.is_used => found(Status::Ok, "not used", String::new()),
        _ if !now.is_preloaded => found(
            Status::Critical,
            "not possible",
            format!("{off} Add cache_pg to shared_preload_libraries and restart."),
        ),
        _ if !it.knows_reads => found(
            Status::Critical,
            "not possible",
            format!("{off} Without memory of reads no entry is known to be read: raise cache_pg.recency_memory."),
        ),
        _ if !it.may_load => {
            found(Status::Warning, "switched off", format!("{off} Set cache_pg.max_loaders to 1 or more and reload."))
        }
        (Some((what, failures)), _) => {
            let status = if *failures < CRITICAL_FAILURES { Status::Warning } else { Status::Critical };
            let what = what.trim_end_matches(['.', ';']);
            let advice = format!("Loads by workers fail: {what}. {off} See cache_loads.");
            found(status, &format!("{failures} failures in a row"), advice)
        }
        (None, [first, ..]) => {
            let advice = format!(
                "A load takes longer than refresh_ahead, so the entries are refreshed earlier than configured. Raise \
                 refresh_ahead, or make the loader faster. The first of these namespaces: \"{first}\"."
            );
            found(Status::Warning, "too slow", advice)
        }
        (None, []) => found(Status::Ok, "work", String::new()),
    }
}
