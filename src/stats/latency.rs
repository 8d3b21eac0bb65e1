//! How long operations take.
//!
//! From the call of the function to its return, in the server: what the network, the protocol and the planner take is
//! not in it, waiting for locks is; computing a value and waiting for one that somebody else computes is not, but in
//! `load` and in the waits of `cache_stats`. What raises is not counted. Of the reads, which take a few microseconds,
//! one in [`SAMPLED`] is timed, unless slow ones are to be logged. Owns the log of slow operations, too.

use super::memory;
use crate::settings;
use cache_pg_rules::histogram::{BUCKETS, bucket_of};
use cache_pg_rules::trace::traceparent;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::cell::Cell;
use std::ffi::{CStr, c_char};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// cache_get, cache_get_many and their kin.
    Get,
    /// Whatever writes a value or a deadline.
    Set,
    /// Whatever deletes or invalidates.
    Delete,
    /// cache_fill.
    Fill,
    /// Computing a value, in cache_get_or_set or between cache_fetch and cache_fill.
    Load,
    /// A step of the hand.
    Sweep,
}

impl Operation {
    /// All of them, in the order in which they are stored.
    pub const ALL: [Self; OPERATIONS] = [Self::Get, Self::Set, Self::Delete, Self::Fill, Self::Load, Self::Sweep];

    /// What it is called in the view.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Delete => "delete",
            Self::Fill => "fill",
            Self::Load => "load",
            Self::Sweep => "sweep",
        }
    }

    /// One in how many is timed.
    pub fn sampled(self) -> u32 {
        if self == Self::Get { SAMPLED } else { 1 }
    }
}

/// How many operations there are.
pub const OPERATIONS: usize = 6;
/// Two looks at the clock cost as much as the counters.
const SAMPLED: u32 = 16;

/// How long the operations of one kind took.
#[repr(C)]
pub struct Histogram {
    counts: [AtomicU64; BUCKETS],
    /// Nanoseconds of all of them.
    pub total: AtomicU64,
    /// Nanoseconds of the longest.
    pub longest: AtomicU64,
}

impl Histogram {
    /// Counts one.
    pub fn add(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket_of(nanoseconds)].fetch_add(1, Ordering::Relaxed);
        self.total.fetch_add(nanoseconds, Ordering::Relaxed);
        if self.longest.load(Ordering::Relaxed) < nanoseconds {
            self.longest.fetch_max(nanoseconds, Ordering::Relaxed);
        }
    }

    /// How many there were of each size.
    pub fn counts(&self) -> Vec<u64> {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// Begins anew.
    pub fn reset(&self) {
        self.counts.iter().chain([&self.total, &self.longest]).for_each(|count| count.store(0, Ordering::Relaxed));
    }
}

thread_local! {
    /// How many reads until one is timed.
    static UNTIL_TIMED: Cell<u32> = const { Cell::new(0) };
    /// What [`apart`] has taken so far.
    static APART: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Runs what the operation that it is a part of is not blamed for; the log of slow ones counts it all the same.
pub fn apart<R>(work: impl FnOnce() -> R) -> R {
    let (started, before) = (Instant::now(), APART.get());
    let result = work();
    // What is apart within it is a part of this.
    APART.set(before + started.elapsed());
    result
}

/// Runs an operation of the function `name` on `subject`, a key or what else it is about, and counts how long it takes.
pub fn observe<R>(operation: Operation, name: &str, subject: &str, work: impl FnOnce() -> R) -> R {
    let logs = settings::log_min_duration();
    let is_counted = memory::attached() && settings::track() && is_turn_of(operation);
    if !is_counted && logs.is_none() {
        return work();
    }
    let (started, apart_before) = (Instant::now(), APART.get());
    let result = work();
    let took = started.elapsed();
    if is_counted {
        record(operation, took.saturating_sub(APART.get() - apart_before));
    }
    if logs.is_some_and(|limit| took >= limit) {
        log(name, subject, took);
    }
    result
}

fn is_turn_of(operation: Operation) -> bool {
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
        && let Some(area) = memory::area()
    {
        area.latency[operation as usize].add(took);
    }
}

/// Says in the log what took long, for whom.
fn log(name: &str, subject: &str, took: Duration) {
    let trace = trace().map_or_else(String::new, |trace| format!(" traceparent: {trace}"));
    let message = format!("cache_pg: {name} took {:.3} ms", took.as_secs_f64() * 1e3);
    let report = ErrorReport::new(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, message, "cache_pg")
        .set_detail(format!("\"{subject}\"{trace}"));
    // SAFETY: a variable of this backend. A cancel that came meanwhile must not jump over our frames; it is served
    // later.
    unsafe { pg_sys::InterruptHoldoffCount += 1 };
    report.report(PgLogLevel::LOG);
    // SAFETY: as above.
    unsafe { pg_sys::InterruptHoldoffCount -= 1 };
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
