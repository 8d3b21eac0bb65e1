//! The checks of the space that the table takes.
//!
//! Owns the checks of expired and dead rows, of the files, the limits and the gauge. Must never judge what entries
//! contain.

use super::check::{CRITICAL, Check, Status, beyond, check, percent, share, unknown};
use super::readings::{FEW_ENTRIES, FEW_ROWS, Readings, SMALL_FILES, Thresholds};
use super::units::{bytes, time};

/// A gauge may differ from the count by this share of it.
const OFF: f64 = 0.2;

pub(super) fn expired(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("at most {}", percent(limit.expired_share));
    let found = now.entries.and_then(|(live, expired)| Some((expired, share(expired, live)?)));
    let Some((expired, share)) = found else { return unknown("expired_share", threshold) };
    let advice =
        "Expired rows take space. Lower cache_pg.sweep_interval, or see cache_sweeps for why the sweeper is slow.";
    let status = if expired < FEW_ROWS { Status::Ok } else { beyond(share, limit.expired_share) };
    check("expired_share", status, percent(share), threshold, advice)
}

pub(super) fn dead(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("at most {}", percent(limit.dead_share));
    let Some(share) = share(now.dead_rows, now.live_rows) else { return unknown("dead_rows", threshold) };
    let advice = "Vacuum does not keep up. See the check \"oldest_transaction\". Also check that autovacuum is on and has a \
                  free worker.";
    let status = if now.dead_rows < FEW_ROWS { Status::Ok } else { beyond(share, limit.dead_share) };
    check("dead_rows", status, percent(share), threshold, advice)
}

pub(super) fn bloat(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("at most {} times the size of the rows", limit.bloat);
    let Some((files, held)) = now.files else { return unknown("bloat", threshold) };
    let status = if files < SMALL_FILES { Status::Ok } else { beyond(files as f64 / held.max(1) as f64, limit.bloat) };
    let value = format!("files of {} hold rows of {}", bytes(files), bytes(held));
    let advice = "The files keep the largest size that the cache once had, and the cache reuses the space. To return it to \
                  the operating system, run VACUUM FULL cache_entries, which locks the cache meanwhile. If the files go on \
                  growing, see the check \"dead_rows\".";
    check("bloat", status, value, threshold, advice)
}

pub(super) fn transaction(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("at most {}", time(limit.transaction_age));
    let Some((end, age)) = &now.oldest else {
        return check("oldest_transaction", Status::Ok, "none".into(), threshold, "");
    };
    let status = beyond(age.as_secs_f64(), limit.transaction_age.as_secs_f64());
    let advice = format!(
        "Vacuum cannot remove rows that became dead after this transaction began, in any table. To end it, run {end}."
    );
    check("oldest_transaction", status, format!("{} ({end})", time(*age)), threshold, advice)
}

pub(super) fn wraparound(now: &Readings, limit: &Thresholds) -> Check {
    let status = beyond(now.age as f64, limit.wraparound_age as f64);
    let advice = "Vacuum has not frozen the tables of the cache for a long time. Run VACUUM (FREEZE) \
                  cache_entries, cache_tags, cache_namespaces.";
    let threshold = format!("at most {} transactions", limit.wraparound_age);
    check("wraparound", status, format!("{} transactions", now.age), threshold, advice)
}

pub(super) fn size(now: &Readings) -> Check {
    let Some(fill) = now.fill else {
        return check("size", Status::Ok, now.room.clone(), "no limit".into(), "");
    };
    let allowed = now.overshoot.max(1.0);
    let status = match () {
        () if fill <= allowed => Status::Ok,
        () if fill <= CRITICAL => Status::Warning,
        () => Status::Critical,
    };
    let advice = "The cache is larger than its limit. The sweeper does not keep up, or it is switched off, or open \
                  transactions have locked rows. See cache_sweeps.";
    check("size", status, now.room.clone(), "within the limit".into(), advice)
}

pub(super) fn gauge(now: &Readings) -> Check {
    let threshold = format!("wrong by at most {}", percent(OFF));
    let Some((gauge, counted)) = now.gauge else { return unknown("gauge", threshold) };
    let off = gauge.abs_diff(counted);
    let is_off = off > FEW_ENTRIES && off as f64 > counted as f64 * OFF;
    let status = if is_off { Status::Warning } else { Status::Ok };
    let value = format!("estimated {gauge} entries, counted {counted}");
    let advice = "Limits are enforced by an estimated number of entries, which every full sweep corrects. Rolled back \
                  prepared transactions and a disabled trigger cache_entries_changed make the estimate wrong. Avoid both, \
                  or lower cache_pg.sweep_interval.";
    check("gauge", status, value, threshold, advice)
}
