//! Owns the bounds of a time to live, and how jitter spreads deadlines.
//!
//! Must never lengthen a time to live: an entry may expire a little early, never late.

/// The shortest time to live, in microseconds: one millisecond.
pub const MIN_TTL_MICROS: i64 = 1_000;

const DAY: i128 = 86_400_000_000;

/// The microseconds of an interval as PostgreSQL compares intervals: a month has 30 days, a day 24 hours. So a limit is
/// the same on every day and in every time zone.
pub fn length(months: i32, days: i32, micros: i64) -> i64 {
    let days = i128::from(months) * 30 + i128::from(days);
    let length = days * DAY + i128::from(micros);
    i64::try_from(length).unwrap_or(if length < 0 { i64::MIN } else { i64::MAX })
}

/// Seconds in microseconds, rounded; NaN is zero, which is no time to live.
pub fn of_seconds(seconds: f64) -> i64 {
    // A conversion saturates.
    (seconds * 1e6).round() as i64
}

/// Why a duration is not a time to live. Durations in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TtlError {
    /// Zero, negative, or less than [`MIN_TTL_MICROS`].
    #[error("shorter than one millisecond")]
    TooShort,
    /// Longer than the limit.
    #[error("longer than the limit")]
    TooLong {
        /// The limit that was in force.
        limit: i64,
    },
}

/// A time to live in microseconds, from [`MIN_TTL_MICROS`] up to the limit with which it was parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ttl(i64);

impl Ttl {
    /// Parses a duration; `limit` is the longest allowed, `None` where there is no limit.
    ///
    /// # Errors
    /// [`TtlError`] when it is out of range.
    pub fn parse(micros: i64, limit: Option<i64>) -> Result<Self, TtlError> {
        match limit {
            _ if micros < MIN_TTL_MICROS => Err(TtlError::TooShort),
            Some(limit) if micros > limit => Err(TtlError::TooLong { limit }),
            _ => Ok(Self(micros)),
        }
    }

    /// Its length in microseconds.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Shortens it at random, so that entries that were written together do not expire together.
    ///
    /// `jitter` is the largest share to take away (0 to 1), `chance` a random number in 0 ≤ x < 1. The result is
    /// spread evenly over `(1 - jitter) × ttl ..= ttl` and is never under [`MIN_TTL_MICROS`].
    pub fn jittered(self, jitter: f64, chance: f64) -> Self {
        let cut = self.0 as f64 * jitter.clamp(0.0, 1.0) * chance.clamp(0.0, 1.0);
        Self(self.0.saturating_sub(cut as i64).clamp(MIN_TTL_MICROS, self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn an_interval_is_as_long_as_postgresql_compares_it() {
        assert_eq!(length(1, 0, 0), 30 * DAY);
        assert_eq!(length(1, -30, 0), 0);
        assert_eq!(length(0, 30, 1), 30 * DAY + 1);
        assert_eq!(length(-1, 0, -1), -30 * DAY - 1);
        assert_eq!(length(i32::MAX, i32::MAX, i64::MAX), i64::MAX);
        assert_eq!(length(i32::MIN, i32::MIN, i64::MIN), i64::MIN);
    }

    #[test]
    fn seconds_are_rounded_to_microseconds() {
        assert_eq!(of_seconds(600.0), 600_000_000);
        assert_eq!(of_seconds(0.0014), 1_400);
        assert_eq!(of_seconds(-1.0), -1_000_000);
        assert_eq!(of_seconds(1e300), i64::MAX);
        assert_eq!(of_seconds(-1e300), i64::MIN);
        assert_eq!(of_seconds(f64::NAN), 0);
    }

    #[test]
    fn the_bounds_are_inclusive() {
        assert_eq!(Ttl::parse(999, None), Err(TtlError::TooShort));
        assert_eq!(Ttl::parse(1_000, None), Ok(Ttl(1_000)));
        assert_eq!(Ttl::parse(DAY, Some(DAY)), Ok(Ttl(DAY)));
        assert_eq!(Ttl::parse(DAY + 1, Some(DAY)), Err(TtlError::TooLong { limit: DAY }));
        assert_eq!(Ttl::parse(i64::MAX, None), Ok(Ttl(i64::MAX)));
        for micros in [0, -1, i64::MIN] {
            assert_eq!(Ttl::parse(micros, None), Err(TtlError::TooShort));
        }
    }

    proptest! {
        #[test]
        fn jitter_only_shortens_and_stays_within_its_share(
            micros in MIN_TTL_MICROS..=100 * DAY, jitter in 0.0..=1.0, chance in 0.0..1.0,
        ) {
            let ttl = Ttl(micros);
            let spread = ttl.jittered(jitter, chance);
            prop_assert!(spread <= ttl && spread.0 >= MIN_TTL_MICROS);
            prop_assert!(spread.0 as f64 >= (1.0 - jitter) * micros as f64 - 1.0);
            prop_assert_eq!(ttl.jittered(0.0, chance), ttl);
        }

        #[test]
        fn no_input_overflows(micros: i64, jitter: f64, chance: f64) {
            if let Ok(ttl) = Ttl::parse(micros, None) {
                prop_assert!(ttl.jittered(jitter, chance).0 >= MIN_TTL_MICROS);
            }
        }
    }
}
