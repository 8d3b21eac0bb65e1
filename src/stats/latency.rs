//! Timing operations, and the log of slow ones.
//!
//! Owns when the clock starts and stops. An operation lasts from the call of its function to the return, within the
//! server. Waiting for locks belongs to it. The network, the protocol and the planner do not, nor does computing a
//! value (that is `load`) or waiting for another backend that computes it (`wait_ms` of `cache_stats`). Must never
//! count an operation that raises.

use super::database::{self, DatabaseStats};
use super::histogram::Operation;
use crate::error::{self, ErrorReport};
use crate::settings;
use cache_pg_rules::trace::traceparent;
use pgrx::prelude::*;
use std::cell::Cell;
use std::ffi::{CStr, c_char};
use std::time::{Duration, Instant};

thread_local! {
    /// How many reads pass until one is timed.
    static UNTIL_TIMED: Cell<u32> = const { Cell::new(0) };
    /// How long [`untimed`] has taken so far.
    static EXCLUDED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Runs work that does not count as time of the operation around it. The log of slow operations counts it all the same.
pub fn untimed<R>(work: impl FnOnce() -> R) -> R {
    let (started, before) = (Instant::now(), EXCLUDED.get());
    let result = work();
    // Untimed work within it is a part of it, and is not added twice.
    EXCLUDED.set(before + started.elapsed());
    result
}

/// Runs an operation of the function `name` on `subject`, a key or whatever the function is about, and counts how long
/// it takes.
pub fn observe<R>(operation: Operation, name: &str, subject: &str, work: impl FnOnce() -> R) -> R {
    let logs = settings::log_min_duration();
    let is_counted = database::attached() && settings::track() && is_sampled(operation);
    if !is_counted && logs.is_none() {
        return work();
    }
    let (started, excluded_before) = (Instant::now(), EXCLUDED.get());
    let result = work();
    let took = started.elapsed();
    if is_counted {
        record(operation, took.saturating_sub(EXCLUDED.get() - excluded_before));
    }
    if logs.is_some_and(|limit| took >= limit) {
        log(name, subject, took);
    }
    result
}

fn is_sampled(operation: Operation) -> bool {
    let every = operation.sampled();
    if every == 1 {
        return true;
    }
    let left = UNTIL_TIMED.get();
    UNTIL_TIMED.set(left.checked_sub(1).unwrap_or(every - 1));
    left == 0
}

/// Counts how long an operation took.
pub fn record(operation: Operation, took: Duration) {
    if settings::track()
        && let Some(database) = DatabaseStats::mine()
    {
        database.latency[operation as usize].record(took);
    }
}

/// Logs a slow operation, with its key and its trace.
fn log(name: &str, subject: &str, took: Duration) {
    let trace = trace().map_or_else(String::new, |trace| format!(" traceparent: {trace}"));
    let message = format!("cache_pg: {name} took {:.3} ms", took.as_secs_f64() * 1e3);
    let report = ErrorReport::new(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, message, "cache_pg")
        .set_detail(format!("\"{subject}\"{trace}"));
    error::report_and_go_on(report, PgLogLevel::LOG);
}

/// The W3C traceparent of the call: in the `application_name`, else in a comment of the statement.
fn trace() -> Option<String> {
    let find = |text: *const c_char| {
        // SAFETY: texts of this backend that end with a zero, or null.
        let text = unsafe { (!text.is_null()).then(|| CStr::from_ptr(text)) };
        text.and_then(|text| traceparent(&text.to_string_lossy()).map(str::to_owned))
    };
    // SAFETY: variables of this backend.
    let (name, statement) = unsafe { (pg_sys::application_name, pg_sys::debug_query_string) };
    find(name).or_else(|| find(statement))
}
