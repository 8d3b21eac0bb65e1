//! The options of one namespace, and what follows from them for an entry.
//!
//! Owns the rule that an option comes before the setting. Must never ask where an option is stored.

use crate::pg::{Timestamp, Value, backend, clock};
use crate::{catalog::options::Options, error::CacheError, loader::Loader, settings};
use cache_pg_rules::limit::{Limit, Limits};
use cache_pg_rules::{key::Key, refresh, ttl::Ttl};
use std::time::Duration;

/// The options of one namespace.
#[derive(Debug, Default)]
pub struct NamespaceOptions {
    pub(super) options: Options,
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
    /// Whether a live entry that is replaced keeps its own deadline instead.
    pub keeps: bool,
}

impl NamespaceOptions {
    /// The deadline of an entry that is set `now` and lives for so long; None: without end.
    pub(super) fn deadline_after(&self, lifetime: Option<Ttl>, now: Timestamp) -> Deadline {
        let Some(ttl) = lifetime else {
            return Deadline { expires_at: Timestamp::FOREVER, stale_until: None, keeps: false };
        };
        let ttl = self.options.jitter.map_or(ttl, |jitter| ttl.jittered(jitter, backend::chance()));
        self.until(Timestamp::within_calendar(now.0.saturating_add(ttl.micros())))
    }

    /// How long an entry lives that is set `now` without a ttl; None: without end. The limit may have been lowered
    /// since the default was set: then it is the limit.
    pub(super) fn usual_lifetime(&self, now: Timestamp) -> Option<Ttl> {
        let limit = settings::max_ttl();
        let micros = match (self.options.default_ttl, limit) {
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
        let ttl = self.usual_lifetime(clock::now());
        ttl.map_or(Duration::ZERO, |ttl| Duration::from_micros(ttl.micros().max(0) as u64))
    }

    /// Whether a value is served past its deadline.
    pub fn has_grace(&self) -> bool {
        self.options.stale_for.is_some()
    }

    /// The deadline `expires_at`, with the time that the row stays after it.
    pub(super) fn until(&self, expires_at: Timestamp) -> Deadline {
        let stale_until = self.options.stale_for.map(|stale_for| match settings::max_ttl() {
            Some(limit) if clock::length(stale_for) > limit => Timestamp(expires_at.0.saturating_add(limit)),
            _ => clock::after(expires_at, stale_for),
        });
        Deadline { expires_at, stale_until, keeps: false }
    }

    /// Whether this reader of a live entry, which took `load_us` microseconds to compute, should compute it anew
    /// before its deadline.
    pub fn refreshes_early(&self, expires_at: Timestamp, load_us: Option<i64>) -> bool {
        let remaining = expires_at.0.saturating_sub(clock::now().0);
        let load = load_us.unwrap_or(0);
        self.options.early_refresh.is_some_and(|beta| refresh::is_early(remaining, load, beta, backend::chance()))
    }

    /// Checks the size of a value for `key`.
    ///
    /// # Errors
    /// [`CacheError::ValueTooLarge`].
    pub fn check_size(&self, key: Key, value: Value) -> Result<(), CacheError> {
        let limit = self.options.max_value_size.map_or_else(settings::max_value_size, |limit| limit.max(0) as usize);
        let bytes = value.size();
        if bytes > limit {
            return Err(CacheError::ValueTooLarge { bytes, limit, key: key.as_str().into() });
        }
        Ok(())
    }

    /// Whether near caches are told what changes.
    pub fn notifies(&self) -> bool {
        self.options.notify == Some(true)
    }

    /// The limits of its own.
    pub fn limits(&self) -> Limits {
        let limit = |most: Option<i64>| Limit::new(most?.max(0) as u64);
        Limits { entries: limit(self.options.max_entries), bytes: limit(self.options.max_size) }
    }
}
