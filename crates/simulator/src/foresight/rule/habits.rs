//! Owns the rule of habits: a few times of the day for each key, each with the days of the week on which it holds and
//! how far it can be trusted.
//!
//! Must never trust a habit for long that is wrong on more days than not.

use super::table::Memory;
use crate::timed::DAY;

/// Times of the day that are remembered of a key.
const HABITS: usize = 4;
/// The distance in minutes within which a demand always counts as the habit at another time, not as another habit.
const REACH: u32 = 45;
/// From this trust on a habit is foreseen.
const TRUSTED: u8 = 2;
const MOST_TRUST: u8 = 4;
/// A day of the week on which the habit does not hold.
const NOT_ON_IT: u8 = 0;
const UNKNOWN: u8 = 1;
const MOST_SURE: u8 = 3;

/// How many values are loaded one after the other for one demand: the second is loaded if the first expires unread.
fn chain(ttl: u32) -> u32 {
    if ttl < 60 { 2 } else { 1 }
}

/// Half of the minutes that the chain covers.
fn half(ttl: u32) -> u32 {
    (chain(ttl) * ttl / 2).max(1)
}

/// A time of the day at which a key is asked for. In shared memory: 11 bits for the minute, 14 for the days, 3 for the
/// trust, 16 for the last day, 1 for `in_vain`.
#[derive(Debug, Clone, Copy)]
struct Habit {
    /// The minute of the day in the middle of the demand.
    minute: u16,
    /// How sure each day of the week is, 0 to 3.
    days: [u8; 7],
    trust: u8,
    /// The day, since the beginning, of the last outcome.
    last: u16,
    /// Whether that was a load in vain, and the demand has not come since.
    in_vain: bool,
}

impl Habit {
    fn new(minute: u32) -> Self {
        let day = minute / DAY;
        let mut days = [UNKNOWN; 7];
        days[day as usize % 7] += 1;
        Self { minute: (minute % DAY) as u16, days, trust: 1, last: day as u16, in_vain: false }
    }

    /// How far a minute is from the nearest minute of the habit, and the day of that one.
    fn distance(&self, minute: u32) -> (i32, u32) {
        let half = DAY as i32 / 2;
        let far = (minute as i32 - i32::from(self.minute) + half).rem_euclid(DAY as i32) - half;
        (far, (minute as i32 - far).max(0) as u32 / DAY)
    }

    /// Counts the outcome of a day, once, and those of the days since the last outcome, on which no demand came.
    fn note(&mut self, day: u32, right: bool) {
        if u32::from(self.last) >= day {
            return;
        }
        for missing in (u32::from(self.last) + 1..day).rev().take(7) {
            if self.days[missing as usize % 7] != NOT_ON_IT {
                self.outcome(missing, false);
            }
        }
        self.outcome(day, right);
        self.last = day as u16;
    }

    fn outcome(&mut self, day: u32, right: bool) {
        let sure = &mut self.days[day as usize % 7];
        if right {
            *sure = (*sure + 1).min(MOST_SURE);
            self.trust = (self.trust + 1).min(MOST_TRUST);
        } else {
            *sure = sure.saturating_sub(1);
            self.trust = self.trust.saturating_sub(1);
        }
    }

    /// The demand came this far from the middle: the middle follows by a quarter.
    fn follow(&mut self, far: i32) {
        self.minute = (i32::from(self.minute) + far / 4).rem_euclid(DAY as i32) as u16;
    }
}

/// The habits of one key.
#[derive(Debug, Clone, Default)]
pub struct Habits {
    habits: [Option<Habit>; HABITS],
}

impl Habits {
    fn nearest(&mut self, minute: u32) -> Option<&mut Habit> {
        self.habits.iter_mut().flatten().min_by_key(|habit| habit.distance(minute).0.abs())
    }
}

impl Memory for Habits {
    const BYTES: usize = HABITS * 6;

    fn missed(&mut self, minute: u32, ttl: u32) {
        if let Some(habit) = self.nearest(minute) {
            let (far, day) = habit.distance(minute);
            if far.unsigned_abs() <= half(ttl).max(REACH) {
                let is_first = u32::from(habit.last) < day;
                habit.note(day, far.unsigned_abs() <= half(ttl));
                if is_first || habit.in_vain {
                    habit.follow(far);
                }
                habit.in_vain = false;
                return;
            }
        }
        let least = self.habits.iter_mut().min_by_key(|habit| habit.map_or(0, |habit| 1 + habit.trust));
        if let Some(least) = least {
            *least = Some(Habit::new(minute));
        }
    }

    fn ended(&mut self, loaded: u32, read: bool, ttl: u32) {
        let middle = loaded + ttl / 2;
        let Some(habit) = self.nearest(middle) else { return };
        let (far, day) = habit.distance(middle);
        if read {
            habit.note(day, true);
            habit.follow(far);
        } else if far + ttl as i32 >= half(ttl) as i32 {
            // The last of the chain.
            habit.note(day, false);
            habit.in_vain = true;
        }
    }

    fn next(&self, after: u32, ttl: u32) -> Option<u32> {
        let today = after / DAY;
        let trusted = self.habits.iter().flatten().filter(|habit| habit.trust >= TRUSTED);
        let loads = trusted.flat_map(|habit| {
            let is_on = |&day: &u32| habit.days[day as usize % 7] != NOT_ON_IT && day > u32::from(habit.last);
            let minutes = (today..today + 8).filter(is_on).map(|day| day * DAY + u32::from(habit.minute));
            minutes.flat_map(|minute| (0..chain(ttl)).filter_map(move |at| (minute + at * ttl).checked_sub(half(ttl))))
        });
        loads.filter(|&load| load > after).min()
    }

    fn worth(&self) -> u32 {
        self.habits.iter().flatten().map(|habit| u32::from(habit.trust)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u32 = 60;
    const NINE: u32 = 9 * HOUR;

    fn after_misses(minutes: impl IntoIterator<Item = u32>) -> Habits {
        let mut habits = Habits::default();
        minutes.into_iter().for_each(|minute| habits.missed(minute, HOUR));
        habits
    }

    #[test]
    fn a_time_is_foreseen_once_it_has_come_twice() {
        assert_eq!(after_misses([NINE]).next(NINE, HOUR), None);
        let habits = after_misses([NINE, DAY + NINE]);
        assert_eq!(habits.next(DAY + NINE, HOUR), Some(2 * DAY + NINE - HOUR / 2));
        assert_eq!(habits.next(DAY + NINE, 30), Some(2 * DAY + NINE - 30), "a chain of two begins earlier");
        assert_eq!(habits.next(2 * DAY + NINE - 30, 30), Some(2 * DAY + NINE));
    }

    #[test]
    fn a_free_day_is_learnt_by_one_load_in_vain() {
        let mut habits = after_misses((0..5).map(|day| day * DAY + NINE));
        let saturday = 5 * DAY + NINE - HOUR / 2;
        assert_eq!(habits.next(4 * DAY + NINE, HOUR), Some(saturday));
        habits.ended(saturday, false, HOUR);
        habits.ended(saturday + DAY, false, HOUR);
        assert_eq!(habits.next(saturday + DAY + HOUR, HOUR), Some(7 * DAY + NINE - HOUR / 2));
        (7..12).for_each(|day| habits.ended(day * DAY + NINE - HOUR / 2, true, HOUR));
        assert_eq!(habits.next(11 * DAY + NINE, HOUR), Some(14 * DAY + NINE - HOUR / 2));
    }

    #[test]
    fn loads_in_vain_end_it_and_a_later_demand_moves_it() {
        let mut habits = after_misses([NINE, DAY + NINE]);
        let load = habits.next(DAY + NINE, HOUR).unwrap();
        habits.ended(load, false, HOUR);
        assert_eq!(habits.next(load + HOUR, HOUR), None);
        habits.missed(load + HOUR + 10, HOUR);
        assert_eq!(habits.habits[0].unwrap().minute, (NINE + 10) as u16);
    }
}
