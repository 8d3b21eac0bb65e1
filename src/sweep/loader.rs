//! A loader: a short-lived process that computes values of one database before anyone asks.
//!
//! Owns one load after another: how each has ended, and how long the process rests between them. It ends when nothing
//! has been in line for a while. Must never serve a session, nor wait for one.

use super::computation::{self, Outcome};
use super::process;
use crate::ahead::load::{End, Kind, Load};
use crate::ahead::{errors, line, processes, warmings};
use crate::error::CacheError;
use crate::evict::recency;
use crate::pg::{Steady, backend, clock};
use crate::pg::{forget_cancel, is_cancel, is_lock_timeout, message_of};
use crate::settings;
use crate::stats::{self, Counter};
use crate::store::Reloaded;
use cache_pg_rules::{ahead, key::Key};
use pgrx::pg_sys::{self, Oid, panic::CaughtError};
use pgrx::prelude::*;
use std::collections::HashMap;
use std::ffi::CStr;
use std::time::{Duration, Instant};

/// How long a loader waits for the next load before it ends.
const LINGERS: Duration = Duration::from_secs(3);

/// How many keys are put in line in one transaction.
const KEYS_AT_A_TIME: usize = 1000;

/// A loader that would have to wait for a lock gives up: another process may be waiting for it.
const WAITS_FOR_NOBODY: [(&CStr, &CStr); 1] = [(c"lock_timeout", c"100ms")];

/// The main function of a loader; its argument is the database.
#[pg_guard]
#[unsafe(no_mangle)]
extern "C-unwind" fn cache_pg_loader_main(argument: pg_sys::Datum) {
    process::start();
    // SAFETY: the launcher passes an OID.
    let database = unsafe { Oid::from_datum(argument, false) }.unwrap_or(Oid::INVALID);
    process::connect(Some(database), &WAITS_FOR_NOBODY);
    if processes::enter() {
        run();
    }
}

fn run() {
    let (mut idle_since, mut spent) = (Steady::now(), HashMap::new());
    while settings::max_loaders() > 0 {
        let Some(load) = line::take(clock::now().0, recency::is_read, &mut spent) else {
            process::report(None);
            let idle = Steady::now().since(idle_since);
            if idle >= LINGERS || processes::others_wait() {
                return;
            }
            process::nap(LINGERS - idle);
            continue;
        };
        let started = Instant::now();
        let goes_on = carry_out(&load);
        *spent.entry(load.namespace).or_default() += started.elapsed();
        forget_cancel();
        if !goes_on || processes::others_wait() {
            return;
        }
        process::report(None);
        rest(ahead::rest(started.elapsed(), settings::loader_share()));
        idle_since = Steady::now();
    }
}

/// Rests for so long, whatever wakes this process meanwhile, so that it keeps to its share of the time.
fn rest(length: Duration) {
    let end = Steady::from_now(length);
    while Steady::now() < end && settings::max_loaders() > 0 {
        process::nap(end.since(Steady::now()));
    }
}

/// Why a load has failed.
struct Failure {
    message: String,
    /// It is no failure: another session needed what the load had locked, or had locked what the load needed.
    made_way: bool,
}

impl Failure {
    fn of(error: &CaughtError) -> Self {
        if is_cancel(error) && computation::took_too_long() {
            let limit = settings::load_timeout().as_millis();
            let message = format!("the loader took longer than cache_pg.load_timeout ({limit} ms)");
            return Self { message, made_way: false };
        }
        Self { message: message_of(error), made_way: is_cancel(error) || is_lock_timeout(error) }
    }
}

/// Carries out a load and records its result. False: the process must leave.
fn carry_out(load: &Load) -> bool {
    computation::forget();
    let outcome = if load.kind == Kind::List { list(load) } else { attempt(|| computation::carry_out(load)) };
    let key = computation::take_key();
    count(load, &outcome, key.as_deref());
    let end = match &outcome {
        Ok(outcome) => end_of(load, outcome),
        Err(Failure { made_way: true, .. }) => End::Skipped,
        Err(Failure { message, .. }) => {
            errors::keep(backend::database(), load.namespace, key_of(load, key.as_deref()), message);
            if matches!(load.kind, Kind::Warm { .. }) {
                leave_out(key.as_deref().unwrap_or_default());
            }
            End::Failed { is_of_namespace: true }
        }
    };
    if load.is_refresh() && matches!(outcome, Err(_) | Ok(Outcome::Locked | Outcome::OfAnother)) {
        // It is found again where the reason has gone.
        recency::mark_read(load.key);
    }
    let failures_in_a_row = line::end(load, end, backend::chance());
    if let Err(Failure { message, made_way: false }) = &outcome {
        tell_of_pause(failures_in_a_row, &errors::explained(key_of(load, key.as_deref()), message));
    }
    if matches!(outcome, Ok(Outcome::Absent)) {
        crate::ahead::drop_database(backend::database());
    }
    !matches!(outcome, Ok(Outcome::Locked | Outcome::Absent | Outcome::OfAnother))
}

/// Tells the log of the failure that begins the pause of a namespace.
pub(super) fn tell_of_pause(failures_in_a_row: u32, last: &str) {
    if failures_in_a_row == ahead::BRAKE {
        pgrx::warning!("cache_pg pauses the loads of a namespace after {failures_in_a_row} failures; the last: {last}");
    }
}

/// The key that a load is about; '': none, because it lists keys.
fn key_of<'a>(load: &Load, key: Option<&'a str>) -> &'a str {
    key.filter(|_| load.kind != Kind::List).unwrap_or_default()
}

/// Runs `work` in a transaction of its own.
fn attempt<R>(work: impl FnOnce() -> Result<R, CacheError>) -> Result<R, Failure> {
    let raised = process::attempt(work, Failure::of);
    raised.and_then(|returned| returned.map_err(|error| Failure { message: error.explained(), made_way: false }))
}

/// Lists the keys of a namespace, and puts them in line, a few in each transaction: a session that wants to write one
/// must not wait for all.
fn list(load: &Load) -> Result<Outcome, Failure> {
    let ticket = warmings::begin_listing(load.namespace);
    let of_query =
        |failure: Failure| Failure { message: format!("query in option warm: {}", failure.message), ..failure };
    let listing = match attempt(|| computation::list(load)).map_err(of_query)? {
        Ok(listing) => listing,
        Err(outcome) => return Ok(outcome),
    };
    let (mut held, all) = (0, listing.wanted.len());
    for from in (0..all).step_by(KEYS_AT_A_TIME) {
        line::goes_on(load, 0);
        let part = from..all.min(from + KEYS_AT_A_TIME);
        match attempt(|| computation::put_in_line(&listing, part))? {
            Ok(put) => held += put.held,
            Err(outcome) => return Ok(outcome),
        }
    }
    if held == 0 {
        warmings::end_listing(load.namespace, ticket, listing.query);
    }
    Ok(Outcome::Listed { are_all: held == 0 })
}

/// How a load has ended that has not failed.
fn end_of(load: &Load, outcome: &Outcome) -> End {
    match (outcome, load.kind) {
        (Outcome::Listed { are_all: true }, _) => End::Succeeded,
        // Tried again, but less and less often: it is not known for how long the keys are held.
        (Outcome::Listed { are_all: false }, _) => End::Failed { is_of_namespace: false },
        (Outcome::OfAnother, Kind::Warm { .. } | Kind::List) => End::GivenBack,
        // The next key of the page follows.
        (Outcome::Overtaken | Outcome::Reloaded(_), Kind::Warm { .. }) => End::GoesOn,
        (Outcome::Reloaded(Reloaded::Stored | Reloaded::Refused), Kind::Refresh) => End::Succeeded,
        (Outcome::Reloaded(Reloaded::Null), _) => End::Failed { is_of_namespace: false },
        _ => End::Skipped,
    }
}

/// Counts a load, for the namespace of its key.
fn count(load: &Load, outcome: &Result<Outcome, Failure>, key: Option<&str>) {
    let counter = match outcome {
        Ok(Outcome::Reloaded(Reloaded::Stored)) if load.is_refresh() => Counter::Refreshes,
        Ok(Outcome::Reloaded(Reloaded::Stored)) => Counter::Warmed,
        Ok(Outcome::Reloaded(Reloaded::Refused)) => Counter::RefreshesRefused,
        Ok(Outcome::Reloaded(Reloaded::Null)) => Counter::RefreshesNull,
        Err(Failure { made_way: false, .. }) => Counter::RefreshErrors,
        _ => return,
    };
    if let Some(key) = key.and_then(|key| Key::parse(key).ok()) {
        stats::count(key, counter, 1);
    }
}

/// Takes a key whose load has failed out of the line. Where that is not possible it stays in line until its deadline.
fn leave_out(key: &str) {
    let _left_out = process::attempt(|| computation::leave_out(key), Failure::of);
}
