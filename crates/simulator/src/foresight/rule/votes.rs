//! Owns the rule of votes: the last sixteen times at which a key was asked for, which vote for the same time today.
//!
//! Must never load by one vote alone.

use super::table::Memory;
use crate::timed::DAY;

/// How many times are remembered.
const TIMES: usize = 16;
/// The days back that vote, and with how many votes.
const VOTERS: [(u32, u32); 4] = [(1, 1), (2, 1), (7, 2), (14, 1)];
const ENOUGH: u32 = 2;

/// The last times at which the key was asked for, the latest first.
#[derive(Debug, Clone, Default)]
pub struct Votes {
    minutes: [Option<u32>; TIMES],
}

impl Votes {
    fn votes(&self, load: u32, ttl: u32) -> u32 {
        let asked = |days: u32| {
            let from = load.checked_sub(days * DAY);
            from.is_some_and(|from| self.minutes.iter().flatten().any(|minute| (from..from + ttl).contains(minute)))
        };
        VOTERS.iter().filter(|(days, _)| asked(*days)).map(|(_, votes)| votes).sum()
    }
}

impl Memory for Votes {
    const BYTES: usize = TIMES * 4;

    fn missed(&mut self, minute: u32, _: u32) {
        self.minutes.rotate_right(1);
        self.minutes[0] = Some(minute);
    }

    fn ended(&mut self, loaded: u32, read: bool, ttl: u32) {
        if read {
            self.missed(loaded + ttl / 2, ttl);
        }
    }

    fn next(&self, after: u32, ttl: u32) -> Option<u32> {
        let loads =
            self.minutes.iter().flatten().flat_map(|minute| VOTERS.map(|(days, _)| minute + days * DAY - ttl / 2));
        loads.filter(|&load| load > after && self.votes(load, ttl) >= ENOUGH).min()
    }

    fn worth(&self) -> u32 {
        self.minutes.iter().flatten().map(|&minute| self.votes(minute, 60)).sum()
    }
}
