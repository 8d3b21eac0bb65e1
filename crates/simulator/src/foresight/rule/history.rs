//! Owns the rule without a bound: it remembers each miss of two weeks, also those that foreseen loads avoided. It shows
//! what more memory could gain.
//!
//! Must never see a miss before it has happened.

use super::interface::Rule;
use crate::timed::DAY;

/// Days that are looked back on.
const BACK: u32 = 14;

/// All misses of a replay in which nothing was foreseen, of which only those before today are looked at.
pub struct History {
    ttl: u32,
    /// By key, in order.
    misses: Vec<Vec<u32>>,
    /// The keys to load at each minute of today.
    today: Vec<Vec<u32>>,
}

impl History {
    /// For values that live for `ttl` minutes.
    pub fn new(ttl: u32, misses: &[Vec<u32>]) -> Self {
        Self { ttl, misses: misses.to_vec(), today: vec![Vec::new(); DAY as usize] }
    }

    /// Plans a day: each minute from which on at least half of the days that were like it have a miss within the ttl.
    fn plan(&mut self, day: u32) {
        self.today.iter_mut().for_each(Vec::clear);
        for (key, misses) in self.misses.iter().enumerate() {
            let from = misses.partition_point(|&minute| minute / DAY + BACK < day);
            let until = misses.partition_point(|&minute| minute / DAY < day);
            let mut seen: Vec<(u32, u32)> =
                misses[from..until].iter().map(|minute| (minute % DAY, day - minute / DAY)).collect();
            let on = seen.iter().fold(0_u32, |days, (_, back)| days | 1 << back);
            let born = misses.first().map_or(day, |first| first / DAY);
            let weekly = [7, 14].map(|back| (born + back <= day).then_some(on >> back & 1 == 1));
            if weekly.iter().flatten().any(|&on| !on) {
                continue;
            }
            // Days on which the key is never asked for say nothing of a day on which it is.
            let days = on.count_ones().max(if day - born < 7 { day - born } else { 0 });
            seen.sort_unstable();
            while let Some((at, count)) = best(&seen, self.ttl).filter(|&(_, count)| count >= 2 && count * 2 >= days) {
                self.today[at as usize].push(key as u32);
                seen.retain(|&(minute, _)| !(at..at + self.ttl).contains(&minute));
                _ = count;
            }
        }
    }
}

/// The minute of the day from which on most days have a miss within the ttl, and how many.
fn best(seen: &[(u32, u32)], ttl: u32) -> Option<(u32, u32)> {
    let days = |at: usize| {
        let within = seen[at..].iter().take_while(|(minute, _)| *minute < seen[at].0 + ttl);
        within.fold(0_u32, |days, (_, back)| days | 1 << back).count_ones()
    };
    (0..seen.len()).map(|at| (seen[at].0, days(at))).max_by_key(|&(_, count)| count)
}

impl Rule for History {
    fn missed(&mut self, _: u32, _: u32) {}

    fn ended(&mut self, _: u32, _: u32, _: bool) {}

    fn due(&mut self, minute: u32, keys: &mut Vec<u32>) {
        if minute.is_multiple_of(DAY) {
            self.plan(minute / DAY);
        }
        keys.append(&mut self.today[(minute % DAY) as usize]);
    }

    fn bytes(&self) -> usize {
        0
    }
}
