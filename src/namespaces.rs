//! What `cache_configure` has set, and what follows from it for an entry.
//!
//! Owns the one place of configuration: a namespace's options before the settings, the settings for the rest. Each
//! backend keeps a copy of the small table and reads it again when PostgreSQL says that it has changed.

use crate::as_owner::AsOwner;
use crate::catalog;
use crate::clock;
use crate::datum::{Jsonb, Timestamp};
use crate::error::CacheError;
use crate::home::Home;
use crate::settings;
use crate::statement::{Statement, statement};
use cache_pg_rules::key::Key;
use cache_pg_rules::ttl::Ttl;
use pgrx::datum::Interval;
use pgrx::pg_sys;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

static ALL: Statement = statement!("namespaces.sql", []);

/// The options of one namespace; None: not set.
#[derive(Debug, Default)]
pub struct Namespace {
    default_ttl: Option<Interval>,
    stale_for: Option<Interval>,
    jitter: Option<f64>,
    max_value_size: Option<i32>,
}

/// When an entry ends.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    /// From then on it is never returned.
    pub expires_at: Timestamp,
    /// Until then its row stays for `cache_fetch`; None: no longer than that.
    pub stale_until: Option<Timestamp>,
}

type Known = HashMap<String, Rc<Namespace>>;

thread_local! {
    static KNOWN: RefCell<Option<Rc<Known>>> = const { RefCell::new(None) };
}

/// The options that apply to `key`.
pub fn of(home: &Home, key: Key) -> Rc<Namespace> {
    known(home).get(key.namespace().as_str()).cloned().unwrap_or_default()
}

fn known(home: &Home) -> Rc<Known> {
    if !catalog::namespaces_changed()
        && let Some(known) = KNOWN.with_borrow(Clone::clone)
    {
        return known;
    }
    KNOWN.set(None);
    let known = Rc::new(load(home));
    KNOWN.set(Some(known.clone()));
    known
}

/// Reads the table with the newest snapshot, whatever the caller's is: the copy outlives the transaction.
fn load(home: &Home) -> Known {
    let _owner = AsOwner::new(home.namespaces_owner);
    // SAFETY: pushed and popped in pairs; an error in between ends the (sub)transaction, which pops it too.
    unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot()) };
    let known = ALL.read(home, &[], |rows| {
        let namespace = |row| Namespace {
            default_ttl: rows.get(row, 2),
            stale_for: rows.get(row, 3),
            jitter: rows.get(row, 4),
            max_value_size: rows.get(row, 5),
        };
        (0..rows.len()).filter_map(|row| Some((rows.get(row, 1)?, Rc::new(namespace(row))))).collect()
    });
    // SAFETY: as above.
    unsafe { pg_sys::PopActiveSnapshot() };
    known
}

impl Namespace {
    /// The deadline of an entry that is set `now` with `ttl`, or with the default where that is None.
    ///
    /// # Errors
    /// [`CacheError::Ttl`] when it is out of range.
    pub fn deadline(&self, ttl: Option<Interval>, now: Timestamp) -> Result<Deadline, CacheError> {
        let asked = match ttl {
            Some(interval) => lifetime(interval, now)?,
            None => self.default_lifetime(now),
        };
        let Some(ttl) = asked else {
            return Ok(Deadline { expires_at: Timestamp::FOREVER, stale_until: None });
        };
        // SAFETY: draws from this backend's generator, seeded when the process started.
        let chance = || unsafe { pg_sys::pg_prng_double(&raw mut pg_sys::pg_global_prng_state) };
        let ttl = self.jitter.map_or(ttl, |jitter| ttl.jittered(jitter, chance()));
        Ok(self.until(Timestamp::within_calendar(now.0.saturating_add(ttl.micros()))))
    }

    /// How long an entry lives that is set `now` without a ttl; None: without end. The limit may have been lowered
    /// since the default was set: then it is the limit.
    fn default_lifetime(&self, now: Timestamp) -> Option<Ttl> {
        let micros = match self.default_ttl.map(|interval| clock::after(now, interval)) {
            Some(Timestamp::FOREVER) => i64::MAX,
            Some(deadline) => deadline.0.saturating_sub(now.0),
            None => settings::default_ttl(),
        };
        match settings::max_ttl() {
            Some(limit) => Ttl::parse(micros.min(limit), None).ok(),
            None => Ttl::parse(micros, None).ok().filter(|_| micros < i64::MAX),
        }
    }

    /// The deadline `expires_at`, with the time that the row stays after it.
    fn until(&self, expires_at: Timestamp) -> Deadline {
        Deadline { expires_at, stale_until: self.stale_for.map(|stale_for| clock::after(expires_at, stale_for)) }
    }

    /// Checks the size of a value for `key`.
    ///
    /// # Errors
    /// [`CacheError::ValueTooLarge`].
    pub fn admit(&self, key: Key, value: Jsonb) -> Result<(), CacheError> {
        let limit = self.max_value_size.map_or_else(settings::max_value_size, |limit| limit.max(0) as usize);
        let bytes = value.size();
        if bytes > limit {
            return Err(CacheError::ValueTooLarge { bytes, limit, key: key.as_str().into() });
        }
        Ok(())
    }
}

/// An interval as a time to live from `now` on; None: without end.
///
/// # Errors
/// [`CacheError::Ttl`] when it is out of range.
pub fn lifetime(interval: Interval, now: Timestamp) -> Result<Option<Ttl>, CacheError> {
    let limit = settings::max_ttl();
    let micros = clock::after(now, interval).0.saturating_sub(now.0);
    let ttl = Ttl::parse(micros, limit).map_err(|why| CacheError::Ttl(clock::interval_text(interval), why))?;
    Ok((clock::after(now, interval) != Timestamp::FOREVER).then_some(ttl))
}

/// The statement trigger on `cache_namespaces`: tells every backend to read the table again, at the commit.
#[pg_trigger(sql = false)]
fn cache_namespaces_changed<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, ErrorReport> {
    if let Ok(relation) = trigger.relation() {
        // SAFETY: the relation that the trigger fired on is open.
        unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation.oid()) };
    }
    Ok(None::<PgHeapTuple<AllocatedByRust>>)
}
