//! A loader: a short-lived process that computes values of one database before their deadline.
//!
//! Owns the load of one entry, in a transaction of its own: it runs the loader of the namespace with the rights of the
//! function's owner, checks the privileges of that owner, and stores the value through the fence. It ends when nothing
//! has been in line for a while. Must never run a trigger or a policy, serve a session, or wait for one.

use super::{candidate, entries, process};
use crate::ahead::load::{End, Load};
use crate::ahead::{errors, line, processes};
use crate::catalog::{self, column};
use crate::error::CacheError;
use crate::evict::recency;
use crate::heap::Row;
use crate::namespaces::NamespaceOptions;
use crate::pg::{AsOwner, Format, SessionUser, Steady, TimeLimit, backend, clock};
use crate::pg::{forget_cancel, is_cancel, is_lock_timeout, message_of};
use crate::stats::{self, Counter};
use crate::store::{self, Reloaded, Storing};
use crate::{access, access::Verb, loader, namespaces, settings};
use cache_pg_rules::{ahead, key::Key};
use pgrx::pg_sys::{self, Oid, panic::CaughtError};
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::CStr;
use std::time::{Duration, Instant};

/// How long a loader waits for the next load before it ends.
const LINGERS: Duration = Duration::from_secs(3);

/// A loader that would have to wait for a lock gives up: another process may be waiting for it.
const WAITS_FOR_NOBODY: [(&CStr, &CStr); 1] = [(c"lock_timeout", c"100ms")];

/// The result of a load.
enum Outcome {
    Reloaded(Reloaded),
    /// The entry has gone, or is another one.
    Gone,
    /// The extension has gone.
    Absent,
    /// Another role owns its loader: another process must run it.
    OfAnother,
    /// A session needs the table or the database: the process leaves.
    Locked,
}

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
        let took_too_long = BEGAN.get().is_some_and(|began| began.elapsed() >= settings::load_timeout());
        if is_cancel(error) && took_too_long {
            let limit = settings::load_timeout().as_millis();
            let message = format!("the loader took longer than cache_pg.load_timeout ({limit} ms)");
            return Self { message, made_way: false };
        }
        Self { message: message_of(error), made_way: is_cancel(error) || is_lock_timeout(error) }
    }
}

thread_local! {
    /// The key of the load under way, once it is known.
    static KEY: RefCell<Option<String>> = const { RefCell::new(None) };
    /// The role whose loaders this process runs: another role must not find what they have left in the session, such as
    /// an open connection.
    static OWNER: Cell<Option<Oid>> = const { Cell::new(None) };
    /// When its loader function was called.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Carries out a load and records its result. False: the process must leave.
fn carry_out(load: &Load) -> bool {
    KEY.set(None);
    BEGAN.set(None);
    let raised = process::attempt(|| reload(load), Failure::of);
    let outcome =
        raised.and_then(|returned| returned.map_err(|error| Failure { message: error.explained(), made_way: false }));
    let key = KEY.take();
    let parsed = key.as_deref().and_then(|key| Key::parse(key).ok());
    let count = |counter| parsed.into_iter().for_each(|key| stats::count(key, counter, 1));
    let end = match &outcome {
        Ok(Outcome::Reloaded(Reloaded::Stored)) => {
            count(Counter::Refreshes);
            End::Succeeded
        }
        Ok(Outcome::Reloaded(Reloaded::Refused)) => {
            count(Counter::RefreshesRefused);
            End::Succeeded
        }
        Ok(Outcome::Reloaded(Reloaded::Null)) => {
            count(Counter::RefreshesNull);
            End::Failed { is_of_namespace: false }
        }
        Ok(
            Outcome::Reloaded(Reloaded::Unneeded)
            | Outcome::Gone
            | Outcome::Absent
            | Outcome::Locked
            | Outcome::OfAnother,
        ) => End::Skipped,
        Err(Failure { made_way: true, .. }) => End::Skipped,
        Err(Failure { message, .. }) => {
            count(Counter::RefreshErrors);
            errors::keep(backend::database(), load.namespace, key.as_deref().unwrap_or_default(), message);
            End::Failed { is_of_namespace: true }
        }
    };
    if matches!(outcome, Err(_) | Ok(Outcome::Locked | Outcome::OfAnother)) {
        // It is found again where the reason has gone.
        recency::mark_read(load.key);
    }
    line::end(load, end, backend::chance());
    if let Err(Failure { message, made_way: false }) = &outcome
        && line::standing(load.namespace).failures == ahead::BRAKE
    {
        let key = key.as_deref().unwrap_or_default();
        pgrx::warning!(
            "cache_pg pauses refreshes of a namespace after {} failures, the last for key \"{key}\": {message}",
            ahead::BRAKE
        );
    }
    if matches!(outcome, Ok(Outcome::Absent)) {
        crate::ahead::drop_database(backend::database());
    }
    !matches!(outcome, Ok(Outcome::Locked | Outcome::Absent | Outcome::OfAnother))
}

/// One load, within a transaction.
fn reload(load: &Load) -> Result<Outcome, CacheError> {
    if !process::database_is_free() {
        return Ok(Outcome::Locked);
    }
    let tables = match catalog::find() {
        Ok(tables) => tables,
        Err(CacheError::NotInstalled) => return Ok(Outcome::Absent),
        Err(error) => return Err(error),
    };
    if !entries::try_lock(&tables) {
        return Ok(Outcome::Locked);
    }
    tables.check()?;
    let Some(found) = candidate::find(&tables, load) else { return Ok(Outcome::Gone) };
    KEY.set(Some(found.key.clone()));
    let Ok(key) = Key::parse(&found.key) else { return Ok(Outcome::Gone) };
    let namespace = namespaces::of(&tables, key);
    let Some(function) = namespace.loader.as_ref().filter(|_| namespace.refresh_ahead().is_some()) else {
        return Ok(Outcome::Gone);
    };
    process::report(Some(c"refreshing an entry ahead of its deadline"));
    let owner = loader::owner(function)?;
    if OWNER.get().is_some_and(|before| before != owner) {
        return Ok(Outcome::OfAnother);
    }
    OWNER.set(Some(owner));
    // The checks below are of the rights of the owner, because no caller lends any.
    let _session = SessionUser::begin(owner);
    let _owner = AsOwner::of_code(owner);
    let access = access::check_all(&[Verb::Read, Verb::Fill])?;
    let deadline = |value, now| {
        namespace.check_size(key, value)?;
        Ok(NamespaceOptions::deadline_again(&namespace, found.lifetime, now))
    };
    let is_it = |row: &Row| row.get(column::UPDATED_AT) == Some(found.written_at);
    let storing = Storing { key, tags: found.tags, deadline: &deadline, replaces: Some(&is_it) };
    let load = || {
        let started = Instant::now();
        BEGAN.set(Some(started));
        let _limit = TimeLimit::begin(settings::load_timeout());
        let value = loader::function(function, key)?;
        stats::count_loaded(key, i64::try_from(started.elapsed().as_micros()).ok());
        Ok(value.map(Format::value))
    };
    store::reload(&access, &storing, load).map(Outcome::Reloaded)
}
