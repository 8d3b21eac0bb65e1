//! What the statistics show: the functions behind the views of `sql/stats.sql`.
//!
//! Counters are of this database. Who may look is granted there: pg_monitor.

use super::namespace;
use crate::catalog;
use crate::error::CacheError;
use crate::pg::backend;
use crate::pg::clock::Steady;
use crate::pg::datum::Timestamp;
use crate::settings;
use crate::shared::{directory, flags};
use crate::stats::memory::{self, Area};
use crate::stats::rows::{self, Row};
use crate::stats::{Operation, readings};
use crate::watch;
use cache_pg_rules::health::Readings;
use cache_pg_rules::{advice, health, histogram};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

fn area() -> Result<&'static Area, CacheError> {
    memory::area().ok_or(CacheError::NotPreloaded)
}

/// What was done and what there is, for one namespace after another, the total first.
#[pg_extern(volatile, parallel_restricted)]
#[allow(clippy::type_complexity, reason = "the row type of the function, spelled out for the generator")]
fn cache_stats() -> Result<
    TableIterator<
        'static,
        (
            name!(scope, String),
            name!(namespace, Option<String>),
            name!(namespaces, Option<i64>),
            name!(counters, Vec<i64>),
            name!(census, Vec<i64>),
            name!(counted_at, Option<TimestampWithTimeZone>),
            name!(reset_at, Option<TimestampWithTimeZone>),
        ),
    >,
    ErrorReport,
> {
    let area = area()?;
    let (counted_at, reset_at) = (moment(&area.rest.census.at), moment(&area.reset_at));
    Ok(TableIterator::new(rows::of(area).into_iter().map(move |row| {
        let Row { scope, namespace, namespaces, counters, census } = row;
        (scope.to_owned(), namespace, namespaces, counters, census, counted_at, reset_at)
    })))
}

/// A moment in shared memory; 0 is none.
fn moment(at: &AtomicI64) -> Option<TimestampWithTimeZone> {
    Some(at.load(Ordering::Relaxed)).filter(|&at| at != 0).map(|at| Timestamp(at).into())
}

/// How long operations took, in milliseconds.
#[pg_extern(volatile, parallel_restricted)]
#[allow(clippy::type_complexity, reason = "the row type of the function, spelled out for the generator")]
fn cache_latency() -> Result<
    TableIterator<
        'static,
        (
            name!(operation, String),
            name!(timed, i64),
            name!(one_in, i32),
            name!(mean, Option<f64>),
            name!(p50, Option<f64>),
            name!(p90, Option<f64>),
            name!(p99, Option<f64>),
            name!(p999, Option<f64>),
            name!(max, Option<f64>),
        ),
    >,
    ErrorReport,
> {
    let area = area()?;
    let rows = Operation::ALL.map(|operation| {
        let histogram = &area.latency[operation as usize];
        let counts = histogram.counts();
        let timed: u64 = counts.iter().sum();
        let ms = |nanoseconds: u64| nanoseconds as f64 / 1e6;
        let longest = histogram.longest.load(Ordering::Relaxed);
        let quantile = |share| histogram::quantile(&counts, share).map(|it| ms(it.min(longest)));
        let mean = (timed > 0).then(|| ms(histogram.total.load(Ordering::Relaxed)) / timed as f64);
        let [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(quantile);
        let max = (timed > 0).then_some(ms(longest));
        (operation.name().to_owned(), timed as i64, operation.sampled() as i32, mean, p50, p90, p99, p999, max)
    });
    Ok(TableIterator::new(rows))
}

/// What the hand has done, and where it is.
#[pg_extern(volatile, parallel_restricted)]
#[allow(clippy::type_complexity, reason = "the row type of the function, spelled out for the generator")]
fn cache_sweeps() -> Result<
    TableIterator<
        'static,
        (
            name!(sweeper, Option<i32>),
            name!(page, i64),
            name!(pages, i64),
            name!(turns, i64),
            name!(steps, i64),
            name!(rows_read, i64),
            name!(rows_removed, i64),
            name!(pages_read, i64),
            name!(pages_skipped, i64),
            name!(last_turn_at, Option<TimestampWithTimeZone>),
            name!(last_turn_ms, f64),
            name!(lag_ms, f64),
            name!(failures, i64),
            name!(failures_in_a_row, i32),
            name!(failed_at, Option<TimestampWithTimeZone>),
            name!(last_error, Option<String>),
            name!(next_visit_at, Option<TimestampWithTimeZone>),
        ),
    >,
    ErrorReport,
> {
    let sweeps = &area()?.sweeps;
    let database = backend::database();
    let found = directory::look(|directory| directory.find(database).map(|slot| (slot, directory.slots[slot])));
    let slot = found.flatten();
    let sweeper = slot.map(|(_, slot)| slot.sweeper).filter(|&pid| directory::alive(pid));
    let next = slot
        .filter(|_| sweeper.is_none())
        .map(|(number, slot)| if flags::written(number) { slot.visit_at } else { slot.visit_at.max(slot.quiet_until) });
    let turn = slot.map(|(_, slot)| slot.turn).unwrap_or_default();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as i64;
    let ms = |micros: &AtomicI64| micros.load(Ordering::Relaxed) as f64 / 1e3;
    Ok(TableIterator::once((
        sweeper,
        turn.page.into(),
        turn.pages.into(),
        count(&sweeps.turns),
        count(&sweeps.steps),
        count(&sweeps.rows),
        count(&sweeps.removed),
        count(&sweeps.pages_read),
        count(&sweeps.pages_skipped),
        moment(&sweeps.turn_ended_at),
        ms(&sweeps.turn_took),
        ms(&sweeps.lag),
        count(&sweeps.failures),
        readings::failures_in_a_row() as i32,
        moment(&sweeps.failed_at),
        sweeps.last_error(),
        next.filter(|&at| at > Steady::PAST).map(|at| at.by_the_server().into()),
    )))
}

/// What is well and what is not, one row for each check.
#[pg_extern(volatile, parallel_restricted)]
#[allow(clippy::type_complexity, reason = "the row type of the function, spelled out for the generator")]
fn cache_health() -> Result<
    TableIterator<
        'static,
        (
            name!(check, String),
            name!(status, String),
            name!(value, String),
            name!(threshold, String),
            name!(advice, Option<String>),
        ),
    >,
    ErrorReport,
> {
    // Also of tables that somebody has altered: it says why nothing is swept.
    let tables = catalog::tables().ok_or_else(catalog::why_absent)?;
    let readings = Readings {
        missing_columns: watch::missing_columns(&tables),
        unwatched_tables: watch::unwatched_tables(&tables),
        ..readings::readings(&tables)
    };
    let checks = health::checks(&readings, &settings::health::thresholds());
    Ok(TableIterator::new(
        checks
            .into_iter()
            .map(|check| (check.name.to_owned(), check.status.to_string(), check.value, check.threshold, check.advice)),
    ))
}

/// What to change, with the figures behind it and the statement that does it.
#[pg_extern(volatile, parallel_restricted)]
#[allow(clippy::type_complexity, reason = "the row type of the function, spelled out for the generator")]
fn cache_advice() -> Result<
    TableIterator<
        'static,
        (
            name!(namespace, Option<String>),
            name!(advice, String),
            name!(because, String),
            name!(statement, Option<String>),
        ),
    >,
    ErrorReport,
> {
    let tables = catalog::installed()?;
    let all = advice::advice(&readings::of_server(&tables), &readings::of_namespaces(&tables));
    Ok(TableIterator::new(all.into_iter().map(|it| (it.namespace, it.advice, it.because, it.statement))))
}

/// Begins to count anew, for a namespace or for all of this database. How many entries there are, and what the hand has
/// done, is not forgotten.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_stats_reset(namespace: default!(Option<&str>, "NULL")) -> Result<(), ErrorReport> {
    let namespace = namespace.map(self::namespace).transpose()?;
    let area = area()?;
    for (name, tally) in memory::places() {
        if namespace.is_none_or(|namespace| namespace.as_str() == name) {
            tally.counters.reset();
        }
    }
    if namespace.is_none() {
        area.reset();
    }
    Ok(())
}
