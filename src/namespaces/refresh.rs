//! The times of an entry under `refresh_ahead`.
//!
//! Owns which entries of a namespace have a moment from which on they may be refreshed, and how long a refreshed value
//! lives. Must never ask whether an entry was read.

use super::namespace::{Deadline, NamespaceOptions};
use crate::pg::{Timestamp, clock};
use crate::{entry::load_time, settings};
use cache_pg_rules::ahead::{self, Timing};

impl NamespaceOptions {
    /// How long before its deadline an entry may be refreshed, in microseconds; None: never.
    pub fn refresh_ahead(&self) -> Option<i64> {
        self.wanted_ahead().filter(|_| self.loader.is_some())
    }

    /// Whether entries are to be refreshed or warmed that no function can compute.
    pub fn lacks_loader(&self) -> bool {
        (self.wanted_ahead().is_some() || self.warm().is_some()) && self.loader.is_none()
    }

    /// The query that lists the keys which should have a value.
    pub fn warm(&self) -> Option<&str> {
        self.options.warm.as_deref().filter(|query| !query.is_empty())
    }

    fn wanted_ahead(&self) -> Option<i64> {
        self.options.refresh_ahead.map(clock::length).filter(|&length| length > 0)
    }

    /// The times of an entry, in microseconds; None: it is not to be refreshed, because its namespace has no loader or
    /// no `refresh_ahead`, it has no deadline, or nobody computed it. `load`: how long it took to compute its value.
    pub fn timing(&self, written_at: i64, expires_at: i64, load: Option<i64>) -> Option<Timing> {
        let (ahead, load) = self.refresh_ahead().zip(load.and_then(load_time))?;
        let is_possible = expires_at != Timestamp::FOREVER.0 && (0..expires_at).contains(&written_at);
        is_possible.then_some(Timing { written_at, expires_at, load, ahead })
    }

    /// The deadline of a value that replaces one before its deadline, which was to live for `own` microseconds.
    pub fn deadline_again(&self, own: i64, now: Timestamp) -> Deadline {
        let usual = self.usual_lifetime(now);
        let own = settings::max_ttl().map_or(own, |limit| own.min(limit));
        match ahead::lifetime(own, usual.map(|ttl| ttl.micros()), self.options.jitter.unwrap_or(0.0)) {
            Some(own) => self.until(Timestamp::within_calendar(now.0.saturating_add(own))),
            None => self.deadline_after(usual, now),
        }
    }
}
