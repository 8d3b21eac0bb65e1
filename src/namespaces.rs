//! What `cache_configure` has set, and what follows from it for an entry.
//!
//! Owns the one place of configuration: a namespace's options before the settings, the settings for the rest. Each
//! backend keeps a copy of the small table and reads it again when PostgreSQL says that it has changed.

mod table;

pub use table::WrittenFor;

use crate::catalog;
use crate::catalog::ExtensionTables;
use crate::error::CacheError;
use crate::loader::Loader;
use crate::pg::backend;
use crate::pg::clock;
use crate::pg::datum::{Jsonb, Timestamp};
use crate::settings;
use crate::store::Fresh;
use cache_pg_rules::key::Key;
use cache_pg_rules::limit::{Limit, Limits};
use cache_pg_rules::namespace::Namespace as Name;
use cache_pg_rules::refresh;
use cache_pg_rules::ttl::Ttl;
use pgrx::datum::Interval;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Duration;

/// The options of one namespace; None: not set.
#[derive(Debug, Default)]
pub struct Namespace {
    default_ttl: Option<Interval>,
    stale_for: Option<Interval>,
    jitter: Option<f64>,
    max_value_size: Option<i32>,
    early_refresh: Option<f64>,
    max_entries: Option<i64>,
    max_size: Option<i64>,
    /// Whether near caches are told what changes.
    pub notify: bool,
    /// The function that computes a missing value.
    pub loader: Option<Loader>,
}

/// When an entry ends.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    /// From then on it is never returned.
    pub expires_at: Timestamp,
    /// Until then its row stays for `cache_fetch`; None: no longer than that.
    pub stale_until: Option<Timestamp>,
}

#[derive(Default)]
struct Known {
    namespaces: HashMap<String, Rc<Namespace>>,
    /// Whether one of them has [`Namespace::notify`].
    someone_listens: bool,
    /// Whether one of them has a limit of its own.
    has_limits: bool,
}

/// Learns which namespaces are configured, whenever they are read.
static READER: OnceLock<fn(HashSet<&str>)> = OnceLock::new();

thread_local! {
    static KNOWN: RefCell<Option<Rc<Known>>> = const { RefCell::new(None) };
}

/// Calls `reader` with the names of the configured namespaces whenever they are read. Called once, by the postmaster.
pub fn when_read(reader: fn(HashSet<&str>)) {
    READER.get_or_init(|| reader);
}

/// The options that apply to `key`.
pub fn of(tables: &ExtensionTables, key: Key) -> Rc<Namespace> {
    named(tables, key.namespace())
}

/// The options of a namespace.
pub fn named(tables: &ExtensionTables, namespace: Name) -> Rc<Namespace> {
    known(tables).namespaces.get(namespace.as_str()).cloned().unwrap_or_default()
}

/// The limits of a namespace of its own.
pub fn limits(tables: &ExtensionTables, namespace: Name) -> Limits {
    let known = known(tables);
    let options = if known.has_limits { known.namespaces.get(namespace.as_str()) } else { None };
    let limit = |most: Option<i64>| Limit::new(most?.max(0) as u64);
    options.map_or(Limits::default(), |options| Limits {
        entries: limit(options.max_entries),
        bytes: limit(options.max_size),
    })
}

/// Whether some namespace has a limit of its own.
pub fn has_limits(tables: &ExtensionTables) -> bool {
    known(tables).has_limits
}

/// Whether the near caches of some namespace are told what changes.
pub fn someone_listens(tables: &ExtensionTables) -> bool {
    known(tables).someone_listens
}

/// The namespaces whose near caches are told what changes.
pub fn listening(tables: &ExtensionTables) -> Vec<String> {
    let known = known(tables);
    known.namespaces.iter().filter(|(_, options)| options.notify).map(|(name, _)| name.clone()).collect()
}

fn known(tables: &ExtensionTables) -> Rc<Known> {
    if !catalog::namespaces_changed()
        && let Some(known) = KNOWN.with_borrow(Clone::clone)
    {
        return known;
    }
    KNOWN.set(None);
    let (known, is_settled) = load(tables);
    let known = Rc::new(known);
    // What this transaction has written and not committed is read again each time.
    KNOWN.set(is_settled.then(|| known.clone()));
    known
}

fn load(tables: &ExtensionTables) -> (Known, bool) {
    let table::Table { namespaces, is_settled } = table::read(tables);
    if let Some(reader) = READER.get().filter(|_| is_settled) {
        reader(namespaces.keys().map(String::as_str).collect());
    }
    let any = |has: fn(&Namespace) -> bool| namespaces.values().any(|options| has(options));
    let someone_listens = any(|options| options.notify);
    let has_limits = any(|options| options.max_entries.or(options.max_size).is_some());
    (Known { someone_listens, has_limits, namespaces }, is_settled)
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
        let ttl = self.jitter.map_or(ttl, |jitter| ttl.jittered(jitter, backend::chance()));
        Ok(self.until(Timestamp::within_calendar(now.0.saturating_add(ttl.micros()))))
    }

    /// How long an entry lives that is set `now` without a ttl; None: without end. The limit may have been lowered
    /// since the default was set: then it is the limit.
    fn default_lifetime(&self, now: Timestamp) -> Option<Ttl> {
        let limit = settings::max_ttl();
        let micros = match (self.default_ttl, limit) {
            (Some(interval), Some(limit)) if clock::length(interval) > limit => limit,
            (Some(interval), _) => match clock::after(now, interval) {
                Timestamp::FOREVER => return None,
                end => end.0.saturating_sub(now.0),
            },
            (None, limit) => settings::default_ttl().min(limit.unwrap_or(i64::MAX)),
        };
        // An interval of months less days is nothing in a short month.
        Ttl::parse(micros, None).or_else(|_| Ttl::parse(settings::default_ttl(), None)).ok()
    }

    /// How long an entry lives that is set without a ttl; zero: without end.
    pub fn usual_ttl(&self) -> Duration {
        let ttl = self.default_lifetime(clock::now());
        ttl.map_or(Duration::ZERO, |ttl| Duration::from_micros(ttl.micros().max(0) as u64))
    }

    /// Whether a value is served past its deadline.
    pub fn has_grace(&self) -> bool {
        self.stale_for.is_some()
    }

    /// The deadline `expires_at`, with the time that the row stays after it.
    fn until(&self, expires_at: Timestamp) -> Deadline {
        let stale_until = self.stale_for.map(|stale_for| match settings::max_ttl() {
            Some(limit) if clock::length(stale_for) > limit => Timestamp(expires_at.0.saturating_add(limit)),
            _ => clock::after(expires_at, stale_for),
        });
        Deadline { expires_at, stale_until }
    }

    /// Whether this reader of a live entry should compute it anew, before its deadline.
    pub fn refreshes_early(&self, entry: &Fresh) -> bool {
        let remaining = entry.expires_at.0.saturating_sub(clock::now().0);
        let load = entry.load_us.unwrap_or(0);
        self.early_refresh.is_some_and(|beta| refresh::is_early(remaining, load, beta, backend::chance()))
    }

    /// Checks the size of a value for `key`.
    ///
    /// # Errors
    /// [`CacheError::ValueTooLarge`].
    pub fn check_size(&self, key: Key, value: Jsonb) -> Result<(), CacheError> {
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
    let end = clock::after(now, interval);
    let ttl = Ttl::parse(clock::length(interval), limit)
        .and_then(|_| Ttl::parse(end.0.saturating_sub(now.0), None))
        .map_err(|why| CacheError::Ttl(clock::interval_text(interval), why))?;
    Ok((end != Timestamp::FOREVER).then_some(ttl))
}
