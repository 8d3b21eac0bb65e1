//! The checks: each from readings and thresholds to a status, a value and what to do.

use super::units::{bytes, time};
use super::{Check, ENOUGH, FEW_ENTRIES, FEW_ROWS, Readings, SMALL_FILES, Status, Thresholds};
use crate::quote::literal;

/// So many failures in a row are no accident.
const CRITICAL_FAILURES: u32 = 3;
/// A gauge may be off by this share of what was counted.
const OFF: f64 = 0.2;
/// So many of a list are named.
const NAMED: usize = 5;
/// How far beyond a threshold it becomes critical.
const CRITICAL: f64 = 2.0;

/// All checks, always the same, in the same order.
pub fn checks(now: &Readings, limit: &Thresholds) -> Vec<Check> {
    vec![
        preload(now),
        worker(now),
        hit_ratio(now, limit),
        latency(now, limit),
        sweep_failures(now),
        sweep_lag(now, limit),
        expired(now, limit),
        dead(now, limit),
        bloat(now, limit),
        transaction(now, limit),
        namespaces(now),
        entry_size(now, limit),
        unread(now, limit),
        wraparound(now, limit),
        size(now),
        foreign_keys(now),
        gauge(now),
        missing_columns(now),
        unwatched_tables(now),
    ]
}

/// A check whose `advice` is given only where something is not well.
fn check(name: &'static str, status: Status, value: String, threshold: String, advice: impl Into<String>) -> Check {
    let advice = (status != Status::Ok).then(|| advice.into());
    Check { name, status, value, threshold, advice }
}

/// How far `value` is beyond `limit`: larger is worse.
fn beyond(value: f64, limit: f64) -> Status {
    match () {
        () if value <= limit => Status::Ok,
        () if value <= limit * CRITICAL => Status::Warning,
        () => Status::Critical,
    }
}

fn share(part: u64, rest: u64) -> Option<f64> {
    let all = part + rest;
    (all >= ENOUGH).then(|| part as f64 / all as f64)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn unknown(name: &'static str, threshold: String) -> Check {
    check(name, Status::Ok, "not known yet".into(), threshold, "")
}

fn preload(now: &Readings) -> Check {
    let (status, value) = if now.is_preloaded { (Status::Ok, "yes") } else { (Status::Warning, "no") };
    let advice = "Without shared memory nothing is counted, and nothing removes expired entries. Add cache_pg to \
                  shared_preload_libraries and restart.";
    check("preloaded", status, value.into(), "yes".into(), advice)
}

fn worker(now: &Readings) -> Check {
    let (status, value, advice) = match (now.has_worker, now.may_sweep) {
        (true, true) => (Status::Ok, "running", ""),
        (true, false) => (Status::Warning, "switched off", "Set cache_pg.max_workers to 1 or more and reload."),
        (false, _) => (
            Status::Warning,
            "not running",
            "Expired entries are never returned, but they stay. See the server's log for why the launcher has ended; \
             without cache_pg in shared_preload_libraries, call cache_sweep() now and then.",
        ),
    };
    check("worker", status, value.into(), "running".into(), advice)
}

fn hit_ratio(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("at least {}", percent(limit.hit_ratio));
    let Some(ratio) = share(now.hits, now.misses) else { return unknown("hit_ratio", threshold) };
    let status = match ratio {
        ratio if ratio >= limit.hit_ratio => Status::Ok,
        ratio if ratio >= limit.hit_ratio / CRITICAL => Status::Warning,
        _ => Status::Critical,
    };
    let advice = "See cache_stats for the namespaces with many misses, and cache_advice. After a cold start it mends itself: \
                  cache_stats_reset() begins to count anew.";
    check("hit_ratio", status, percent(ratio), threshold, advice)
}

fn latency(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("99 % of gets within {}", time(limit.latency));
    let Some(latency) = now.latency else { return unknown("latency", threshold) };
    let status = beyond(latency.as_secs_f64(), limit.latency.as_secs_f64());
    let advice = "A get takes some microseconds: it waits for something. See cache_latency, wait_event in pg_stat_activity, and \
                  whether the table fits in shared_buffers.";
    check("latency", status, time(latency), threshold, advice)
}

fn sweep_failures(now: &Readings) -> Check {
    let status = match now.failures {
        0 => Status::Ok,
        1..CRITICAL_FAILURES => Status::Warning,
        _ => Status::Critical,
    };
    let why = now.last_error.as_deref().unwrap_or("see the server's log");
    let advice = format!("The hand fails: {why}. See cache_sweeps.");
    check("sweep_failures", status, format!("{} in a row", now.failures), "none".into(), advice)
}

fn sweep_lag(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("a turn within {}", time(limit.sweep_lag));
    let Some(ago) = now.last_turn else { return unknown("sweep_lag", threshold) };
    let status = beyond(ago.as_secs_f64(), limit.sweep_lag.as_secs_f64());
    let advice = "The hand is late: somebody holds a lock on cache_entries, all sweepers are busy with other databases \
                  (cache_pg.max_workers), or there is no free worker process (max_worker_processes).";
    check("sweep_lag", status, format!("last turn {} ago", time(ago)), threshold, advice)
}

fn expired(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("at most {}", percent(limit.expired_share));
    let found = now.entries.and_then(|(live, expired)| Some((expired, share(expired, live)?)));
    let Some((expired, share)) = found else { return unknown("expired_share", threshold) };
    let advice =
        "Rows whose time is over take room. Lower cache_pg.sweep_interval, or see why the hand is slow: cache_sweeps.";
    let status = if expired < FEW_ROWS { Status::Ok } else { beyond(share, limit.expired_share) };
    check("expired_share", status, percent(share), threshold, advice)
}

fn dead(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("at most {}", percent(limit.dead_share));
    let Some(share) = share(now.dead_rows, now.live_rows) else { return unknown("dead_rows", threshold) };
    let advice = "Vacuum does not keep up. See the check \"oldest_transaction\", and whether autovacuum is on and has a worker free.";
    let status = if now.dead_rows < FEW_ROWS { Status::Ok } else { beyond(share, limit.dead_share) };
    check("dead_rows", status, percent(share), threshold, advice)
}

fn bloat(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("at most {} times what they hold", limit.bloat);
    let Some((files, held)) = now.files else { return unknown("bloat", threshold) };
    let status = if files < SMALL_FILES { Status::Ok } else { beyond(files as f64 / held.max(1) as f64, limit.bloat) };
    let value = format!("files of {} hold {}", bytes(files), bytes(held));
    let advice = "The files keep the size that the cache once had, and it will use the room again. To give it back: VACUUM FULL \
                  cache_entries, during which the cache is locked. If it goes on growing, see the check \"dead_rows\".";
    check("bloat", status, value, threshold, advice)
}

fn transaction(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("at most {}", time(limit.transaction_age));
    let Some((who, age)) = &now.oldest else {
        return check("oldest_transaction", Status::Ok, "none".into(), threshold, "");
    };
    let status = beyond(age.as_secs_f64(), limit.transaction_age.as_secs_f64());
    let advice = format!("Nothing that has died since can be removed, in any table. End it: {who}.");
    check("oldest_transaction", status, format!("{} ({who})", time(*age)), threshold, advice)
}

fn namespaces(now: &Readings) -> Check {
    let status = if now.uncounted > 0 { Status::Warning } else { Status::Ok };
    let advice = "There are more namespaces than cache_pg.track_namespaces; the rest is counted together. Raise it and restart, or \
                  see whether keys lack a namespace of their own: what stands before the first \":\" should be a kind of thing.";
    check("namespaces", status, format!("{} operations elsewhere", now.uncounted), "all counted".into(), advice)
}

fn entry_size(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("at most {}", bytes(limit.entry_size));
    let Some((namespace, size)) = &now.largest else { return unknown("entry_size", threshold) };
    let status = if *size > limit.entry_size { Status::Warning } else { Status::Ok };
    let advice = format!(
        "An entry of namespace \"{namespace}\" is that large: every read fetches it whole. Split it, or refuse such values: \
         SELECT cache_configure({}, max_value_size => {})",
        literal(namespace),
        limit.entry_size
    );
    check("entry_size", status, format!("{} in \"{namespace}\"", bytes(*size)), threshold, advice)
}

fn unread(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("at most {}", percent(limit.unread_share));
    let Some((namespace, share)) = &now.unread else { return unknown("unread", threshold) };
    let status = if *share > limit.unread_share { Status::Warning } else { Status::Ok };
    let advice = format!(
        "Values of namespace \"{namespace}\" are written and hardly read: let them live longer, or do not cache them."
    );
    check("unread", status, format!("{} in \"{namespace}\"", percent(*share)), threshold, advice)
}

fn wraparound(now: &Readings, limit: &Thresholds) -> Check {
    let status = beyond(now.age as f64, limit.wraparound_age as f64);
    let advice = "Vacuum has not frozen the tables of the cache for long: VACUUM (FREEZE) cache_entries.";
    let threshold = format!("at most {} transactions", limit.wraparound_age);
    check("wraparound", status, format!("{} transactions", now.age), threshold, advice)
}

fn size(now: &Readings) -> Check {
    let Some(fill) = now.fill else {
        return check("size", Status::Ok, now.room.clone(), "no limit".into(), "");
    };
    let allowed = now.overshoot.max(1.0);
    let status = match () {
        () if fill <= allowed => Status::Ok,
        () if fill <= CRITICAL => Status::Warning,
        () => Status::Critical,
    };
    let advice = "More is held than the limit allows: the worker does not keep up, is switched off, or rows are held by \
                  transactions that have not ended. See cache_sweeps.";
    check("size", status, now.room.clone(), "within the limit".into(), advice)
}

fn foreign_keys(now: &Readings) -> Check {
    let status = if now.references.is_empty() { Status::Ok } else { Status::Warning };
    let value = if now.references.is_empty() { "none".into() } else { now.references.join(", ") };
    let advice = "Entries that rows of such a table point at stay, past their deadline and beyond the limit, and without an index \
                  on its column, in a table of more than 8 MB, all do. Drop the foreign key: a cache is no place to refer to.";
    check("foreign_keys", status, value, "none".into(), advice)
}

fn gauge(now: &Readings) -> Check {
    let threshold = format!("off by at most {}", percent(OFF));
    let Some((gauge, counted)) = now.gauge else { return unknown("gauge", threshold) };
    let off = gauge.abs_diff(counted);
    let is_off = off > FEW_ENTRIES && off as f64 > counted as f64 * OFF;
    let status = if is_off { Status::Warning } else { Status::Ok };
    let value = format!("{gauge} entries where {counted} were counted");
    let advice = "Limits are judged by the gauge, which each whole turn of the worker sets right. Prepared transactions that are \
                  rolled back, and a trigger cache_entries_changed that is disabled, make it wrong: avoid both, or lower \
                  cache_pg.sweep_interval.";
    check("gauge", status, value, threshold, advice)
}

/// A check that finds nothing where all is well, and is critical otherwise.
fn none_of(name: &'static str, found: &[String], advice: &str) -> Check {
    let value = match found.len() {
        0 => "none".into(),
        number if number <= NAMED => found.join(", "),
        number => format!("{}, and {} more", found[..NAMED].join(", "), number - NAMED),
    };
    let status = if found.is_empty() { Status::Ok } else { Status::Critical };
    check(name, status, value, "none".into(), advice)
}

fn missing_columns(now: &Readings) -> Check {
    let advice = "Templates of cache_watch name columns that are not there, or that become text by a function which is not run for \
                  them: each change of such a table clears all that its rows may have named, whole namespaces or everything. \
                  Call cache_watch for it with columns that it has.";
    none_of("missing_columns", &now.missing_columns, advice)
}

fn unwatched_tables(now: &Readings) -> Check {
    let advice = "Changes of these tables are not all seen: a trigger of cache_watch is not there, or was disabled or enabled for \
                  other roles, as ENABLE TRIGGER ALL does. Call cache_watch again, for the table that cache_watches names, and \
                  cache_clear.";
    none_of("unwatched_tables", &now.unwatched_tables, advice)
}
