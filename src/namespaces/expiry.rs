//! How long a caller wants an entry to live.
//!
//! Owns what each kind of request means as a deadline. Must never read a setting but the limit.

use super::namespace::{Deadline, NamespaceOptions};
use crate::pg::{Timestamp, clock};
use crate::{error::CacheError, settings};
use cache_pg_rules::ttl::{self, Ttl, TtlError};
use pgrx::datum::Interval;

/// How long an entry is to live.
#[derive(Debug, Clone, Copy)]
pub enum Expiry {
    /// As long as the entries of its namespace usually live.
    Usual,
    /// For an interval from now on.
    For(Interval),
    /// For so many seconds from now on.
    Seconds(f64),
    /// As long as `cache_pg.max_ttl` allows; without end if there is no limit.
    Forever,
    /// Until the deadline of the live entry that is replaced; as [`Expiry::Usual`] if there is none.
    Kept,
    /// Until this moment.
    Until(Timestamp),
}

impl NamespaceOptions {
    /// The deadline of an entry that is set `now`. It has come already if the caller asks for a moment that has passed.
    ///
    /// # Errors
    /// [`CacheError::Ttl`] and [`CacheError::Deadline`] when it is out of range.
    pub fn deadline(&self, expiry: Expiry, now: Timestamp) -> Result<Deadline, CacheError> {
        let lifetime = match expiry {
            Expiry::Usual => self.usual_lifetime(now),
            Expiry::Kept => return Ok(Deadline { keeps: true, ..self.deadline(Expiry::Usual, now)? }),
            Expiry::For(interval) => lifetime(interval, now)?,
            Expiry::Seconds(f64::INFINITY) | Expiry::Forever | Expiry::Until(Timestamp::FOREVER) => longest(),
            Expiry::Seconds(seconds) => {
                let given = |why| CacheError::Ttl(clock::seconds_text(seconds), why);
                within_calendar(Ttl::parse(ttl::of_seconds(seconds), settings::max_ttl()).map_err(given)?, now)
            }
            Expiry::Until(moment) => return self.deadline_at(moment, now),
        };
        Ok(self.deadline_after(lifetime, now))
    }

    /// The deadline `moment`, to the microsecond: no jitter shortens it.
    fn deadline_at(&self, moment: Timestamp, now: Timestamp) -> Result<Deadline, CacheError> {
        let remaining = moment.0.saturating_sub(now.0);
        match settings::max_ttl().filter(|&limit| remaining > limit) {
            Some(limit) => Err(CacheError::Deadline(clock::text_of(moment), TtlError::TooLong { limit })),
            None => Ok(self.until(moment)),
        }
    }
}

/// The longest time that an entry may live; None: without end.
fn longest() -> Option<Ttl> {
    settings::max_ttl().and_then(|limit| Ttl::parse(limit, None).ok())
}

/// An interval as a time to live from `now` on; None: without end. An infinite one is as long as allowed.
///
/// # Errors
/// [`CacheError::Ttl`] when it is out of range.
pub fn lifetime(interval: Interval, now: Timestamp) -> Result<Option<Ttl>, CacheError> {
    if clock::is_endless(interval) {
        return Ok(longest());
    }
    let end = clock::after(now, interval);
    let ttl = Ttl::parse(clock::length(interval), settings::max_ttl())
        .and_then(|_| Ttl::parse(end.0.saturating_sub(now.0), None))
        .map_err(|why| CacheError::Ttl(clock::interval_text(interval), why))?;
    Ok((end != Timestamp::FOREVER).then_some(ttl))
}

fn within_calendar(ttl: Ttl, now: Timestamp) -> Option<Ttl> {
    let end = Timestamp::within_calendar(now.0.saturating_add(ttl.micros()));
    (end != Timestamp::FOREVER).then_some(ttl)
}
