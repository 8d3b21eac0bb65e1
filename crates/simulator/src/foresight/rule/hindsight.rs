//! Owns the best timetable in hindsight: for each key the minutes of the week at which a load would have been read in
//! at least half of the weeks. It bounds what any rule of fixed times can reach.
//!
//! Must never be taken for a rule that could run: it has seen the future.

use super::interface::Rule;
use crate::timed::WEEK;

/// The timetable.
pub struct Hindsight {
    /// The keys to load at each minute of the week.
    timetable: Vec<Vec<u32>>,
}

impl Hindsight {
    /// The timetable for these misses (their minutes by key) of a trace of so many weeks.
    pub fn new(ttl: u32, weeks: u32, misses: &[Vec<u32>]) -> Self {
        let mut timetable = vec![Vec::new(); WEEK as usize];
        for (key, minutes) in misses.iter().enumerate() {
            let mut left: Vec<(u32, u32)> = minutes.iter().map(|minute| (minute % WEEK, minute / WEEK)).collect();
            left.sort_unstable();
            while let Some((from, count)) = best(&left, ttl) {
                if count * 2 < weeks {
                    break;
                }
                timetable[from as usize].push(key as u32);
                left.retain(|&(minute, _)| !(from..from + ttl).contains(&minute));
            }
        }
        Self { timetable }
    }
}

/// The minute of the week from which on most weeks have a miss within the ttl, and how many.
fn best(misses: &[(u32, u32)], ttl: u32) -> Option<(u32, u32)> {
    let weeks = |at: usize| {
        let within = misses[at..].iter().take_while(|(minute, _)| *minute < misses[at].0 + ttl);
        within.fold(0_u64, |weeks, (_, week)| weeks | 1 << week.min(&63)).count_ones()
    };
    (0..misses.len()).map(|at| (misses[at].0, weeks(at))).max_by_key(|&(_, count)| count)
}

impl Rule for Hindsight {
    fn missed(&mut self, _: u32, _: u32) {}

    fn ended(&mut self, _: u32, _: u32, _: bool) {}

    fn due(&mut self, minute: u32, keys: &mut Vec<u32>) {
        keys.extend(&self.timetable[(minute % WEEK) as usize]);
    }

    fn bytes(&self) -> usize {
        0
    }
}
