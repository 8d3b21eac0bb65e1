//! Owns refresh ahead: when an entry is computed anew before its deadline, which of several comes first, how long the
//! new value lives, and how much of the time a worker may load.
//!
//! An entry is refreshed only if it was read since it was stored. So what is popular is never missed, and what is not
//! read expires. The moment is spread over the keys, so that entries that were stored together are not loaded together.
//! Must never read a clock, nor draw a random number. All times are in microseconds.

use std::time::Duration;

/// The shortest and the longest time between two looks at an entry that is not to be refreshed yet.
const STEP: (i64, i64) = (50_000, 60_000_000);
/// An entry is looked at this many times in its lead.
const LOOKS: i64 = 8;
/// A load is begun at least this many times its usual length before the deadline.
const LOADS: i64 = 2;
/// The part of its lifetime in which an entry is left alone: a quarter.
const LEFT_ALONE: i64 = 4;

/// An entry, as far as refresh ahead goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// When its value was stored.
    pub written_at: i64,
    /// Its deadline.
    pub expires_at: i64,
    /// How long it took to compute the value.
    pub load: i64,
    /// The `refresh_ahead` of its namespace.
    pub ahead: i64,
}

impl Timing {
    /// How long before its deadline a refresh may begin: `refresh_ahead`, or twice the last load if that is longer, and
    /// at most three quarters of the lifetime.
    pub fn lead(&self) -> i64 {
        let lifetime = self.expires_at.saturating_sub(self.written_at).max(0);
        self.ahead.max(self.load.saturating_mul(LOADS)).min(lifetime - lifetime / LEFT_ALONE)
    }

    /// Whether a load of usual length takes longer than `refresh_ahead`.
    pub fn is_slow(&self) -> bool {
        self.load > self.ahead
    }

    /// From when on the entry is to be refreshed: in the first half of its lead, at a place that `hash`, of the key,
    /// decides. A slow load uses less of that half.
    pub fn from(&self, hash: u64) -> i64 {
        let lead = self.lead();
        let latest = (lead / 2).max(self.load.saturating_mul(LOADS)).min(lead);
        let share = (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as f64 / f64::from(u32::MAX);
        self.expires_at - lead + ((lead - latest) as f64 * share) as i64
    }

    /// How long to wait between two looks at this entry while it is not to be refreshed.
    pub fn step(&self) -> i64 {
        (self.lead() / LOOKS).clamp(STEP.0, STEP.1)
    }

    /// The value of beginning its load now: the time that its readers would lose in a miss, over the time that is left.
    /// `reads_every` is the time between two reads, as far as is known. Larger is more urgent.
    pub fn urgency(&self, reads_every: i64, now: i64) -> f64 {
        let lost = self.load.max(1) as f64 / reads_every.max(1) as f64;
        lost / self.expires_at.saturating_sub(now).max(1) as f64
    }
}

/// The time between two reads of a key that is to be warmed, as far as is known, in microseconds: one that was read
/// lately is taken to be read every second, another one every hour.
const READS_EVERY: [i64; 2] = [3_600_000_000, 1_000_000];
/// A key that is to be warmed has no deadline. It comes as soon as an entry that expires in this time, a minute, in
/// microseconds: refreshes whose readers would soon wait come first.
const AS_IF_LEFT: i64 = 60_000_000;

/// As [`Timing::urgency`], of loading a key that is to be warmed. `load`: how long a load of its namespace takes.
pub fn urgency_of_warming(was_read_lately: bool, load: i64) -> f64 {
    load.max(1) as f64 / READS_EVERY[usize::from(was_read_lately)] as f64 / AS_IF_LEFT as f64
}

/// How long a refreshed value lives: as long as its namespace says, but no longer than the old one was to live, so that
/// a short ttl of a caller is kept. `usual` is the ttl of the namespace; None: without end. A lifetime within `jitter`
/// of the usual one counts as the usual one, for which this returns None.
pub fn lifetime(own: i64, usual: Option<i64>, jitter: f64) -> Option<i64> {
    let shortest = usual.map_or(f64::INFINITY, |usual| usual as f64 * (1.0 - jitter));
    ((own as f64) < shortest.floor()).then_some(own.max(1))
}

/// How long a worker rests after a load that took `took`, if it may load for this share of the time.
pub fn rest(took: Duration, share: f64) -> Duration {
    took.mul_f64(1.0 / share.clamp(0.01, 1.0) - 1.0)
}

/// From this many failures in a row on, whatever their keys, a namespace is left alone for a while.
pub const BRAKE: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000;

    fn timing(load: i64, ahead: i64) -> Timing {
        Timing { written_at: 0, expires_at: 100 * SECOND, load, ahead }
    }

    #[test]
    fn it_begins_in_the_first_half_of_the_lead_spread_by_the_key() {
        let moments: Vec<i64> = (0..1000).map(|key| timing(SECOND, 20 * SECOND).from(key)).collect();
        let (first, last) = (moments.iter().min().unwrap(), moments.iter().max().unwrap());
        assert!((80 * SECOND..81 * SECOND).contains(first), "{first}");
        assert!((89 * SECOND..=90 * SECOND).contains(last), "{last}");
        // Not more than a tenth above its share falls into any tenth.
        for tenth in 0..10 {
            let within = moments.iter().filter(|&&at| (at - 80 * SECOND) / SECOND == tenth).count();
            assert!((60..=140).contains(&within), "{within} in tenth {tenth}");
        }
    }

    #[test]
    fn a_slow_load_lengthens_its_own_lead() {
        let slow = timing(15 * SECOND, 20 * SECOND);
        assert_eq!((slow.lead(), slow.is_slow()), (30 * SECOND, false));
        assert_eq!(
            (timing(25 * SECOND, 20 * SECOND).lead(), timing(25 * SECOND, 20 * SECOND).is_slow()),
            (50 * SECOND, true)
        );
        // It never begins so late that two loads would not fit.
        assert!((0..100).all(|key| slow.from(key) == 70 * SECOND));
    }

    #[test]
    fn an_entry_is_left_alone_for_a_quarter_of_its_life() {
        assert_eq!(timing(SECOND, 500 * SECOND).lead(), 75 * SECOND);
        assert_eq!(timing(90 * SECOND, SECOND).lead(), 75 * SECOND);
    }

    #[test]
    fn the_popular_the_expensive_and_the_nearly_expired_come_first() {
        let (now, every) = (90 * SECOND, SECOND);
        let it = timing(SECOND, 20 * SECOND).urgency(every, now);
        assert!(timing(SECOND, 20 * SECOND).urgency(every / 10, now) > it);
        assert!(timing(2 * SECOND, 20 * SECOND).urgency(every, now) > it);
        assert!(timing(SECOND, 20 * SECOND).urgency(every, now + 5 * SECOND) > it);
    }

    #[test]
    fn of_keys_to_be_warmed_the_hot_and_the_expensive_come_first_and_none_before_a_refresh_that_is_nearly_late() {
        let hot = urgency_of_warming(true, SECOND);
        assert!(hot > urgency_of_warming(false, 100 * SECOND));
        assert!(urgency_of_warming(true, 2 * SECOND) > hot);
        let nearly_late = timing(SECOND, 20 * SECOND).urgency(SECOND, 95 * SECOND);
        assert!(nearly_late > hot && timing(SECOND, 20 * SECOND).urgency(3600 * SECOND, 95 * SECOND) < hot);
    }

    #[test]
    fn a_refreshed_value_lives_no_longer_than_the_old_one_was_to() {
        assert_eq!(lifetime(300, Some(300), 0.0), None);
        assert_eq!(lifetime(600, Some(300), 0.0), None);
        assert_eq!(lifetime(10, Some(300), 0.0), Some(10));
        assert_eq!(lifetime(280, Some(300), 0.1), None);
        assert_eq!(lifetime(260, Some(300), 0.1), Some(260));
        assert_eq!(lifetime(260, None, 0.0), Some(260));
    }

    #[test]
    fn a_worker_loads_for_its_share_of_the_time() {
        assert_eq!(rest(Duration::from_secs(1), 0.5), Duration::from_secs(1));
        assert_eq!(rest(Duration::from_secs(1), 1.0), Duration::ZERO);
        assert_eq!(rest(Duration::from_secs(1), 0.0), Duration::from_secs(99));
    }

    proptest! {
        #[test]
        fn any_row_gives_a_moment_within_its_life(written_at: i32, lifetime in 0_i64..1 << 50, load in 0_i64..1 << 50, ahead in 0_i64..1 << 50, hash: u64) {
            let written_at = i64::from(written_at);
            let it = Timing { written_at, expires_at: written_at + lifetime, load, ahead };
            let from = it.from(hash);
            prop_assert!(from >= written_at + lifetime / 4 - 1 && from <= it.expires_at);
            prop_assert!((STEP.0..=STEP.1).contains(&it.step()));
            prop_assert!(it.urgency(1, from).is_finite());
        }
    }
}
