//! The server's clock, intervals on it, and a monotonic clock.
//!
//! Owns the choice of clock. Deadlines use the server's clock at the moment of the call, not at the start of the
//! statement or of the transaction, so that a long transaction does not keep seeing expired entries. Waits, naps and
//! visits of the sweeper use [`Steady`]. Must never read the client's clock, nor wait by a clock that can be set.

use crate::pg::datum::Timestamp;
use cache_pg_rules::ttl;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::{IntoDatum, direct_function_call, pg_sys};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// No timestamp can be computed for an interval that is estimated to exceed this (200,000 years), in microseconds.
const BEYOND_CALENDAR: i128 = 200_000 * 366 * 86_400_000_000;
/// A sum that is estimated to exceed this (the year 282,000) counts as beyond the calendar: a month may be longer than
/// an estimate takes it for.
const LAST_SUM: i128 = 280_000 * 365 * 86_400_000_000;
/// The same backwards: the calendar begins 6,712 years before the year 2000.
const BEFORE_CALENDAR: i128 = -6_600 * 365 * 86_400_000_000;

/// From the Unix epoch to the epoch of PostgreSQL, 2000-01-01.
const UNIX_TO_POSTGRES: Duration = Duration::from_secs(10_957 * 86_400);

/// Now, as `clock_timestamp()` returns it.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH + UNIX_TO_POSTGRES);
    Timestamp(since.map_or_else(|before| -(before.duration().as_micros() as i64), |since| since.as_micros() as i64))
}

/// The start of the monotonic clock. The postmaster reads the clock first, and every process inherits the start.
static BEGINNING: OnceLock<Instant> = OnceLock::new();

/// A moment on the monotonic clock, in microseconds. It is valid within this run of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Steady(i64);

impl Steady {
    /// Before any other moment: due at once.
    pub const PAST: Self = Self(i64::MIN);
    /// After any other moment.
    pub const NEVER: Self = Self(i64::MAX);

    /// Now.
    pub fn now() -> Self {
        Self(BEGINNING.get_or_init(Instant::now).elapsed().as_micros() as i64)
    }

    /// The moment `length` later.
    pub fn after(self, length: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(length.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The moment `length` from now.
    pub fn from_now(length: Duration) -> Self {
        Self::now().after(length)
    }

    /// The moment at which the server's clock will show `moment`, if the clock is not set meanwhile.
    pub fn when(moment: Timestamp) -> Self {
        Self::from_now(Duration::from_micros(moment.0.saturating_sub(now().0).max(0) as u64))
    }

    /// The same; for a moment that has passed, the moment at which it was.
    pub fn at(moment: Timestamp) -> Self {
        Self(Self::now().0.saturating_add(moment.0.saturating_sub(now().0)))
    }

    /// The time since `earlier`; zero if that is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0).max(0) as u64)
    }

    /// The time that the server's clock will show at this moment, if it is not set meanwhile.
    pub fn by_the_server(self) -> Timestamp {
        Timestamp(now().0.saturating_add(self.0.saturating_sub(Self::now().0)))
    }

    /// Microseconds since the start of the monotonic clock.
    pub fn micros(self) -> i64 {
        self.0
    }
}

/// The moment `interval` after `from`. Months and days count as in `now() + interval`. [`Timestamp::FOREVER`] if the
/// moment lies beyond the calendar, or the interval is infinite.
pub fn after(from: Timestamp, interval: Interval) -> Timestamp {
    if interval.months() == 0 && interval.days() == 0 {
        return Timestamp::within_calendar(from.0.saturating_add(interval.micros()));
    }
    let estimate = interval.as_micros();
    if estimate > BEYOND_CALENDAR || i128::from(from.0) + estimate > LAST_SUM {
        return Timestamp::FOREVER;
    }
    if estimate < BEFORE_CALENDAR {
        return Timestamp(i64::MIN);
    }
    let start = TimestampWithTimeZone::from(from);
    // SAFETY: both arguments are of the types that the function takes, and the sum is within the calendar.
    let sum: Option<TimestampWithTimeZone> =
        unsafe { direct_function_call(pg_sys::timestamptz_pl_interval, &[start.into_datum(), interval.into_datum()]) };
    sum.map_or(Timestamp::FOREVER, |moment| Timestamp(moment.into()))
}

/// The length of an interval in microseconds, as PostgreSQL compares intervals. Limits are compared with this length,
/// which does not depend on the day.
pub fn length(interval: Interval) -> i64 {
    ttl::length(interval.months(), interval.days(), interval.micros())
}

/// The longest interval: `infinity` from PostgreSQL 17 on; before that the largest interval, which has the same bits.
pub fn endless() -> Option<Interval> {
    Interval::new(i32::MAX, i32::MAX, i64::MAX).ok()
}

/// Whether an interval is [`endless`].
pub fn is_endless(interval: Interval) -> bool {
    (interval.months(), interval.days(), interval.micros()) == (i32::MAX, i32::MAX, i64::MAX)
}

/// A moment as SQL prints it.
pub fn text_of(moment: Timestamp) -> String {
    // SAFETY: the argument is of the type that the function takes.
    let text: Option<&std::ffi::CStr> =
        unsafe { direct_function_call(pg_sys::timestamptz_out, &[moment.into_datum()]) };
    text.map_or_else(String::new, |text| text.to_string_lossy().into_owned())
}

/// An interval as SQL prints it.
pub fn interval_text(interval: Interval) -> String {
    // SAFETY: the argument is of the type that the function takes.
    let text: Option<&std::ffi::CStr> = unsafe { direct_function_call(pg_sys::interval_out, &[interval.into_datum()]) };
    text.map_or_else(String::new, |text| text.to_string_lossy().into_owned())
}

/// A number of seconds as SQL prints it.
pub fn seconds_text(seconds: f64) -> String {
    // SAFETY: the argument is of the type that the function takes.
    let text: Option<&std::ffi::CStr> = unsafe { direct_function_call(pg_sys::float8out, &[seconds.into_datum()]) };
    text.map_or_else(String::new, |text| format!("{} seconds", text.to_string_lossy()))
}

/// An interval from text, as SQL reads it. Raises 22007 if it is malformed.
pub fn parse_interval(text: &str) -> Option<Interval> {
    let text = std::ffi::CString::new(text).ok()?;
    let any_precision = pg_sys::Datum::from(-1_i32);
    let no_type = pg_sys::Datum::from(0_u32);
    // SAFETY: an input function takes the text, its type's OID and a modifier.
    unsafe {
        direct_function_call(pg_sys::interval_in, &[Some(text.as_ptr().into()), Some(no_type), Some(any_precision)])
    }
}
