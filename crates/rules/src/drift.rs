//! Owns the detection of a wall clock that was set.
//!
//! Deadlines follow the server's clock, which an administrator may set forwards or back; what was planned by it is
//! wrong from then on. A monotonic clock, which cannot be set, reveals this: otherwise the two advance at the same
//! pace. Must never take the small steps that keep a clock correct (NTP) for a set clock.

/// The least difference, in microseconds, that shows that the clock was set: one second.
pub const LEAST: u64 = 1_000_000;

/// How far the wall clock was ahead of the monotonic clock at the last change; None before the first look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Drift(Option<i64>);

impl Drift {
    /// Whether the wall clock was set since this last returned true; both clocks in microseconds. The first call
    /// returns true, because there is nothing to compare with.
    pub fn was_set(&mut self, clock: i64, steady: i64) -> bool {
        let ahead = clock.saturating_sub(steady);
        let was_set = self.0.is_none_or(|before| ahead.abs_diff(before) >= LEAST);
        if was_set {
            self.0 = Some(ahead);
        }
        was_set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn a_clock_that_is_set_is_noticed_once_in_both_directions() {
        let mut drift = Drift::default();
        assert!(drift.was_set(5 * HOUR, 7));
        assert!(!drift.was_set(5 * HOUR + 60_000_000, 7 + 60_000_000));
        assert!(drift.was_set(4 * HOUR, 100_000_000));
        assert!(!drift.was_set(4 * HOUR + 1, 100_000_001));
        assert!(drift.was_set(5 * HOUR, 100_000_002));
    }

    #[test]
    fn what_adds_up_little_by_little_is_noticed_too() {
        let mut drift = Drift::default();
        assert!(drift.was_set(0, 0));
        let noticed = (1..=3_000).filter(|second| drift.was_set(second * 1_000_500, second * 1_000_000)).count();
        assert_eq!(noticed, 1);
    }

    proptest! {
        #[test]
        fn no_moments_overflow(start: (i64, i64), later: (i64, i64)) {
            let mut drift = Drift::default();
            let _ = (drift.was_set(start.0, start.1), drift.was_set(later.0, later.1));
        }
    }
}
