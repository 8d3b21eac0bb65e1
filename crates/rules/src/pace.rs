//! Owns the pace of the sweeper: how many pages a step takes, how long to rest after it, and how long the next sweep of
//! the table should last.
//!
//! The sweeper goes round the table page by page and removes what has expired. Must never let it work for more than its
//! share of the time, however much has expired.
//!
//! A sweep lasts `sweep_interval` when little has expired. When much has, sweeps get shorter in proportion, so that the
//! share of dead rows stays near [`TARGET_SHARE`] under any steady load. A step that finds mostly dead rows continues
//! at once, without waiting for the next sweep. (Redis repeats its expiry cycle while more than a tenth of a sample is
//! stale; this does the same over adjacent pages.)

use std::time::Duration;

/// The share of rows that a sweep should find expired. Rows expire evenly between two visits, so at any moment about
/// half of that share has expired.
pub const TARGET_SHARE: f64 = 0.06;
/// The largest share of the time that the sweeper may work.
pub const DUTY: f64 = 0.25;
/// The same among mostly dead rows. On a busy machine a step takes longer for every row, and the sweeper would fall
/// behind for as long as the load lasts.
pub const HURRIED_DUTY: f64 = 0.5;
/// The shortest sweep, so that a tiny table is not read without end.
pub const SHORTEST_TURN: Duration = Duration::from_millis(100);
/// How often a step should begin: short steps hold buffers and row locks for a short time.
const STEP_EVERY: Duration = Duration::from_millis(50);
/// The fewest and the most pages of a step. With fewer, the fixed cost of a transaction would dominate; the most take
/// about 5 ms to read.
const STEP_PAGES: (u32, u32) = (32, 1024);

/// The result of a step, or of a whole sweep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Rows that it read.
    pub rows: u64,
    /// Rows of these that had expired, removed or not.
    pub due: u64,
}

impl Found {
    /// Adds the result of another step.
    pub fn add(&mut self, step: Found) {
        self.rows += step.rows;
        self.due += step.due;
    }

    /// The share of rows that had expired, 0 to 1.
    pub fn due_share(self) -> f64 {
        if self.rows == 0 { 0.0 } else { self.due as f64 / self.rows as f64 }
    }
}

/// How many pages the next step should take, for a table of `pages` pages and a sweep of length `turn`.
pub fn step_pages(pages: u32, turn: Duration) -> u32 {
    let even = f64::from(pages) * STEP_EVERY.as_secs_f64() / turn.max(STEP_EVERY).as_secs_f64();
    (even.ceil() as u32).clamp(STEP_PAGES.0, STEP_PAGES.1)
}

/// How long to rest after a step that read `walked` of `pages` pages in `took` and found `found`.
pub fn rest(pages: u32, walked: u32, turn: Duration, took: Duration, found: Found) -> Duration {
    let at_least = |duty: f64| took.mul_f64(1.0 / duty - 1.0);
    if is_behind(found) {
        return at_least(HURRIED_DUTY);
    }
    let share_of_turn = f64::from(walked.min(pages)) / f64::from(pages.max(1));
    turn.mul_f64(share_of_turn).saturating_sub(took).max(at_least(DUTY))
}

/// Whether so much has expired that the sweeper hurries.
pub fn is_behind(found: Found) -> bool {
    found.due_share() > TARGET_SHARE * 2.0
}

/// How long to rest at least after a step, so that the sweeper keeps to its share of the time.
pub fn shortest_rest(took: Duration) -> Duration {
    took.mul_f64(1.0 / DUTY - 1.0)
}

/// How long to rest after a step while room is needed.
pub fn hurried_rest(took: Duration) -> Duration {
    took.mul_f64(1.0 / HURRIED_DUTY - 1.0)
}

/// How long the next sweep should last, after one of length `turn` that found `found`; `interval` is the longest. It
/// shrinks to a quarter at most, but grows by a quarter at most, so that after a lull the next wave does not find a
/// slow sweeper.
pub fn next_turn(turn: Duration, interval: Duration, found: Found) -> Duration {
    let factor = (TARGET_SHARE / found.due_share()).clamp(0.25, 1.25);
    turn.mul_f64(factor).clamp(SHORTEST_TURN.min(interval), interval)
}

/// The longest time between two visits to a table where nothing expires and, as far as is known, nothing is written.
/// Rows that COMMIT PREPARED has brought in are found by then.
pub const LONGEST_QUIET: Duration = Duration::from_secs(60);

/// How often a sweep skips no page, so that it can count the entries: about once a minute, when every range is due for
/// a visit anyway because of what COMMIT PREPARED may have brought in; more often where sweeps are more frequent.
pub fn count_every(interval: Duration) -> Duration {
    (interval * 6).min(LONGEST_QUIET.max(interval))
}

/// The time from `now` until the next count, where the last one was at `counted_at`. A moment in the future says
/// nothing: the clock was set back.
pub fn until_count(counted_at: Option<i64>, interval: Duration, now: i64) -> Duration {
    let Some(counted_at) = counted_at.filter(|&at| at <= now) else { return Duration::ZERO };
    count_every(interval).saturating_sub(Duration::from_micros(now.abs_diff(counted_at)))
}

/// How long the sweeper may stay away after a sweep while nothing is written: until the earliest deadline (`next_due`
/// from now; None: there is none), bounded by one `interval` and the longer of that and [`LONGEST_QUIET`].
pub fn quiet(interval: Duration, next_due: Option<Duration>) -> Duration {
    next_due.unwrap_or(Duration::MAX).clamp(interval, LONGEST_QUIET.max(interval))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Sweeps a table whose rows expire at a steady rate; returns the length that sweeps settle at and the average
    /// share of expired rows.
    fn settle(rows_per_second: f64, ttl: f64, interval: Duration) -> (Duration, f64) {
        let live = rows_per_second * ttl;
        let mut turn = interval;
        let mut share = 0.0;
        for _ in 0..50 {
            let due = rows_per_second * turn.as_secs_f64();
            share = (due / 2.0) / (live + due / 2.0);
            turn = next_turn(turn, interval, Found { rows: (live + due) as u64, due: due as u64 });
        }
        (turn, share)
    }

    #[test]
    fn p8_the_expired_share_settles_under_a_tenth_whatever_the_ttl() {
        for ttl in [1.0, 5.0, 30.0, 300.0, 86_400.0] {
            let (turn, share) = settle(5_000.0, ttl, 10 * SECOND);
            assert!(share < 0.06, "ttl {ttl} s: {share} due, turn {turn:?}");
        }
    }

    #[test]
    fn a_quiet_table_is_walked_once_an_interval() {
        assert_eq!(next_turn(10 * SECOND, 10 * SECOND, Found { rows: 1_000, due: 0 }), 10 * SECOND);
        assert_eq!(next_turn(4 * SECOND, 10 * SECOND, Found::default()), 5 * SECOND);
    }

    #[test]
    fn a_step_among_dead_rows_goes_on_as_soon_as_its_duty_allows() {
        let took = Duration::from_millis(4);
        let dead = Found { rows: 1_000, due: 900 };
        assert_eq!(rest(1_000, 32, 60 * SECOND, took, dead), took);
        let quiet = Found { rows: 1_000, due: 1 };
        assert_eq!(rest(1_000, 100, 60 * SECOND, took, quiet), 6 * SECOND - took);
    }

    #[test]
    fn a_table_with_nothing_due_is_left_alone_until_something_is() {
        let interval = 10 * SECOND;
        assert_eq!(quiet(interval, None), LONGEST_QUIET);
        assert_eq!(quiet(interval, Some(30 * SECOND)), 30 * SECOND);
        assert_eq!(quiet(interval, Some(SECOND)), interval);
        assert_eq!(quiet(120 * SECOND, None), 120 * SECOND);
    }

    #[test]
    fn it_is_time_to_count_after_a_minute_and_where_the_clock_was_set_back() {
        let interval = 10 * SECOND;
        let until = |counted_at, now: i64| until_count(counted_at, interval, now * 1_000_000);
        assert_eq!(until(None, 7), Duration::ZERO);
        assert_eq!(until(Some(0), 0), LONGEST_QUIET);
        assert_eq!(until(Some(0), 20), 40 * SECOND);
        assert_eq!(until(Some(0), 61), Duration::ZERO);
        assert_eq!(until(Some(1), 0), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn the_hand_never_works_more_than_its_duty(
            pages: u32, walked: u32, turn_ms in 0_u64..1_000_000, took_ms in 0_u64..10_000, rows: u32, due: u32,
        ) {
            let found = Found { rows: rows.into(), due: due.min(rows).into() };
            let took = Duration::from_millis(took_ms);
            let rest = rest(pages, walked, Duration::from_millis(turn_ms), took, found);
            prop_assert!(rest.as_secs_f64() >= took.as_secs_f64() * (1.0 / HURRIED_DUTY - 1.0) - 1e-6);
        }

        #[test]
        fn a_step_is_bounded_and_a_turn_gets_round(pages in 1_u32.., turn_ms in 1_u64..100_000_000) {
            let step = step_pages(pages, Duration::from_millis(turn_ms));
            prop_assert!((STEP_PAGES.0..=STEP_PAGES.1).contains(&step));
        }

        #[test]
        fn a_turn_stays_within_its_bounds(turn_ms in 1_u64..10_000_000, interval_ms in 1_u64..10_000_000, rows: u32, due: u32) {
            let interval = Duration::from_millis(interval_ms);
            let found = Found { rows: rows.into(), due: due.min(rows).into() };
            let next = next_turn(Duration::from_millis(turn_ms), interval, found);
            prop_assert!(next <= interval && next >= SHORTEST_TURN.min(interval));
        }
    }
}
