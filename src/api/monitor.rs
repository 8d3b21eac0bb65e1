//! What the statistics show: the functions behind the views of `sql/stats.sql`.
//!
//! Owns the columns of these views, each with its name. Must never count another database. `sql/stats.sql` grants the
//! functions to pg_monitor.

use super::answer::answer_with_warning;
use super::arguments::namespace;
use crate::error::{CacheError, ErrorReport};
use crate::pg::{Steady, Timestamp, backend};
use crate::shared::{directory, flags};
use crate::stats::{DatabaseStats, NamespaceStats, Operation, readings, rows};
use crate::{ahead::loads, catalog, settings, sweep::references, watch};
use cache_pg_rules::{advice, health, health::Readings, histogram};
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Declares a function that returns the rows of a view: each column with its name, its type and its value.
macro_rules! view {
    (
        $(#[$doc:meta])* fn $view:ident() { $($before:tt)* }
        for $row:pat in $rows:expr => { $($column:ident: [$($type:tt)+] = $value:expr,)+ }
    ) => {
        $(#[$doc])*
        #[pg_extern(volatile, parallel_restricted)]
        #[allow(clippy::type_complexity, reason = "the row type of the function, spelled out for the generator")]
        fn $view() -> Result<TableIterator<'static, ($(name!($column, $($type)+),)+)>, ErrorReport> {
            let rows: Vec<_> = answer_with_warning(|| {
                // In another version the view may have other columns.
                catalog::check_version()?;
                $($before)*
                Ok($rows.into_iter().map(|$row| ($($value,)+)).collect())
            })?;
            Ok(TableIterator::new(rows))
        }
    };
}

fn database() -> Result<&'static DatabaseStats, CacheError> {
    DatabaseStats::mine().ok_or(CacheError::NotPreloaded)
}

/// A moment in shared memory; 0 is none.
fn moment(at: &AtomicI64) -> Option<TimestampWithTimeZone> {
    Some(at.load(Ordering::Relaxed)).filter(|&at| at != 0).map(|at| Timestamp(at).into())
}

view! {
    /// What the cache has done and what it holds: the total, then one namespace after another.
    fn cache_stats() {
        let database = database()?;
        let (counted_at, reset_at) = (moment(&database.rest.rows.counted_at), moment(&database.reset_at));
    }
    for row in rows::of(database) => {
        scope: [String] = row.scope.to_owned(),
        figures: [String] = row.json(),
        namespace: [Option<String>] = row.namespace,
        namespaces: [Option<i64>] = row.namespaces,
        counted_at: [Option<TimestampWithTimeZone>] = counted_at,
        reset_at: [Option<TimestampWithTimeZone>] = reset_at,
    }
}

view! {
    /// How long operations took, in milliseconds.
    fn cache_latency() {
        let database = database()?;
        let ms = |nanoseconds: u64| nanoseconds as f64 / 1e6;
        let quantile = |counts: &[u64], share, longest: u64| {
            histogram::quantile(counts, share).map(|it| ms(it.min(longest)))
        };
        let rows = Operation::ALL.map(|operation| {
            let histogram = &database.latency[operation as usize];
            let counts = histogram.counts();
            let [total, longest] = [&histogram.total, &histogram.longest].map(|word| word.load(Ordering::Relaxed));
            (operation, counts.iter().sum::<u64>(), counts, total, longest)
        });
    }
    for (operation, timed, counts, total, longest) in rows => {
        operation: [String] = operation.name().to_owned(),
        timed: [i64] = timed as i64,
        one_in: [i32] = operation.sampled() as i32,
        mean: [Option<f64>] = (timed > 0).then(|| ms(total) / timed as f64),
        p50: [Option<f64>] = quantile(&counts, 0.5, longest),
        p90: [Option<f64>] = quantile(&counts, 0.9, longest),
        p99: [Option<f64>] = quantile(&counts, 0.99, longest),
        p999: [Option<f64>] = quantile(&counts, 0.999, longest),
        max: [Option<f64>] = (timed > 0).then_some(ms(longest)),
    }
}

view! {
    /// What the sweeper has done, and where it is.
    fn cache_sweeps() {
        let stats = &database()?.sweeper;
        let database = backend::database();
        let found = directory::look(|directory| directory.find(database).map(|slot| (slot, directory.slots[slot])));
        let slot = found.flatten();
        let sweeper = slot.map(|(_, slot)| slot.sweeper).filter(|&pid| directory::alive(pid));
        let next = slot.filter(|_| sweeper.is_none()).map(|(number, slot)| {
            if flags::written(number) { slot.visit_at } else { slot.visit_at.max(slot.quiet_until) }
        });
        let turn = slot.map(|(_, slot)| slot.turn).unwrap_or_default();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as i64;
        let ms = |micros: &AtomicI64| micros.load(Ordering::Relaxed) as f64 / 1e3;
    }
    for sweeper in [sweeper] => {
        sweeper: [Option<i32>] = sweeper,
        page: [i64] = turn.page.into(),
        pages: [i64] = turn.pages.into(),
        turns: [i64] = count(&stats.turns),
        steps: [i64] = count(&stats.steps),
        rows_read: [i64] = count(&stats.rows),
        rows_removed: [i64] = count(&stats.removed),
        pages_read: [i64] = count(&stats.pages_read),
        pages_skipped: [i64] = count(&stats.pages_skipped),
        last_turn_at: [Option<TimestampWithTimeZone>] = moment(&stats.turn_ended_at),
        last_turn_ms: [f64] = ms(&stats.turn_took),
        lag_ms: [f64] = ms(&stats.lag),
        failures: [i64] = count(&stats.failures),
        failures_in_a_row: [i32] = readings::failures_in_a_row() as i32,
        failed_at: [Option<TimestampWithTimeZone>] = moment(&stats.failed_at),
        last_error: [Option<String>] = stats.last_error(),
        next_visit_at: [Option<TimestampWithTimeZone>] =
            next.filter(|&at| at > Steady::PAST).map(|at| at.by_the_server().into()),
    }
}

view! {
    /// The loads by workers, one namespace after another.
    fn cache_loads() {
        database()?;
        let tables = catalog::installed()?;
    }
    for it in loads::of_namespaces(&tables) => {
        namespace: [String] = it.namespace,
        waiting: [i32] = it.standing.waiting,
        running: [i32] = it.standing.running,
        done: [i64] = it.done as i64,
        failed: [i64] = it.failed as i64,
        failures_in_a_row: [i32] = it.standing.failures as i32,
        paused_until: [Option<TimestampWithTimeZone>] = it.standing.rests_until.map(|at| at.by_the_server().into()),
        load_ms: [Option<f64>] = it.mean_us.map(|us| us / 1e3),
        failed_at: [Option<TimestampWithTimeZone>] = it.last.as_ref().map(|last| last.at.into()),
        failed_key: [Option<String>] = it.last.as_ref().map(|last| last.key.clone()),
        last_error: [Option<String>] = it.last.map(|last| last.message),
        since: [Option<TimestampWithTimeZone>] = it.warming.as_ref().map(|warming| warming.since.into()),
        rate: [Option<f64>] = it.warming.as_ref().map(|warming| warming.rate),
        remaining: [Option<Interval>] = it.warming.as_ref().and_then(|it| Interval::new(0, 0, it.remaining()?).ok()),
    }
}

view! {
    /// The state of each check, and what to do.
    fn cache_health() {
        // Altered tables are no error here: health says why nothing is swept.
        let tables = catalog::find()?;
        let readings = Readings {
            versions: (tables.version.clone(), catalog::LIBRARY.to_owned()),
            references: references::names(&tables),
            missing_columns: watch::missing_columns(&tables),
            unwatched_tables: watch::unwatched_tables(&tables),
            refreshing: loads::readings(&tables),
            ..readings::readings(&tables)
        };
    }
    for check in health::checks(&readings, &settings::health::thresholds()) => {
        check: [String] = check.name.to_owned(),
        status: [String] = check.status.to_string(),
        value: [String] = check.value,
        threshold: [String] = check.threshold,
        advice: [Option<String>] = check.advice,
    }
}

view! {
    /// What to change, with the figures behind it and the statement that does it.
    fn cache_advice() {
        let tables = catalog::installed()?;
    }
    for it in advice::advice(&readings::of_server(&tables), &readings::of_namespaces(&tables)) => {
        namespace: [Option<String>] = it.namespace,
        advice: [String] = it.advice,
        because: [String] = it.because,
        statement: [Option<String>] = it.statement,
    }
}

/// Sets what was done to zero, for a namespace or for the whole database. Keeps how many entries there are, and what
/// the sweeper has done.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_stats_reset(namespace: default!(Option<&str>, "NULL")) -> Result<(), ErrorReport> {
    answer_with_warning(|| {
        catalog::check_version()?;
        let namespace = namespace.map(self::namespace).transpose()?;
        let database = database()?;
        for (name, stats) in NamespaceStats::named() {
            if namespace.is_none_or(|namespace| namespace.as_str() == name) {
                stats.counters.reset();
            }
        }
        if namespace.is_none() {
            database.reset();
        }
        Ok(())
    })
}
