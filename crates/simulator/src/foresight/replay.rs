//! Owns the replay of a timed trace through a cache whose entries live for a while: misses, refresh ahead, and loads
//! that a rule foresees.
//!
//! Must never tell a rule of a hit: the extension does not see it either.

use super::rule::Rule;
use crate::timed::Timed;
use std::collections::VecDeque;

/// The loads in use besides those of misses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ahead {
    /// An entry lives for its ttl.
    Nothing,
    /// An entry that was read since it was stored is loaded anew when a tenth of its ttl is left.
    Refresh,
}

/// The result of a replay, in loads or in misses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Misses of keys that were never loaded before.
    pub first: u64,
    /// Misses of keys that were.
    pub cold: u64,
    /// Loads by refresh ahead.
    pub refreshed: u64,
    /// Foreseen loads whose value was read before it expired.
    pub useful: u64,
    /// Foreseen loads whose value was not.
    pub useless: u64,
    /// Bytes of shared memory of the rule.
    pub bytes: u64,
}

impl Outcome {
    /// All loads.
    pub fn loads(&self) -> u64 {
        self.first + self.cold + self.refreshed + self.useful + self.useless
    }

    /// The sum with another outcome, of whose memory and this one's the larger is kept.
    pub fn plus(self, other: Self) -> Self {
        Self {
            first: self.first + other.first,
            cold: self.cold + other.cold,
            refreshed: self.refreshed + other.refreshed,
            useful: self.useful + other.useful,
            useless: self.useless + other.useless,
            bytes: self.bytes.max(other.bytes),
        }
    }
}

/// The entry of a key.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// The second at which it expires; 0: the key was never loaded.
    deadline: u32,
    /// Whether it was read since it was stored.
    read: bool,
    /// The second of the last foreseen load, while its value may be the one that is stored.
    foreseen: Option<u32>,
    /// Whether that value was read.
    used: bool,
}

struct Cache {
    ahead: Ahead,
    /// In seconds.
    ttl: u32,
    entries: Vec<Entry>,
    outcome: Outcome,
}

impl Cache {
    /// Does what refresh ahead did to the entry until now, and says whether it is live.
    fn settle(&mut self, key: u32, now: u32) -> bool {
        let entry = &mut self.entries[key as usize];
        while self.ahead == Ahead::Refresh && entry.read {
            let at = entry.deadline - self.ttl / 10;
            if at > now {
                break;
            }
            entry.deadline = at + self.ttl;
            entry.read = false;
            self.outcome.refreshed += 1;
        }
        entry.deadline > now
    }

    fn store(&mut self, key: u32, now: u32, read: bool) {
        let entry = &mut self.entries[key as usize];
        (entry.deadline, entry.read) = (now + self.ttl, read);
    }

    /// A read: whether it missed.
    fn read(&mut self, key: u32, now: u32) -> bool {
        let live = self.settle(key, now);
        let entry = &mut self.entries[key as usize];
        if live {
            entry.read = true;
            entry.used |= entry.foreseen.is_some_and(|loaded| now < loaded + self.ttl);
            return false;
        }
        if entry.deadline == 0 {
            self.outcome.first += 1;
        } else {
            self.outcome.cold += 1;
        }
        // The reader that loads a value does not find it: it is read when another reader does.
        self.store(key, now, false);
        true
    }
}

/// Replays a trace with entries that live for `ttl` minutes.
pub fn replay(trace: &Timed, ttl: u32, ahead: Ahead, rule: &mut dyn Rule) -> Outcome {
    let entries = vec![Entry::default(); trace.keys];
    let mut cache = Cache { ahead, ttl: ttl * 60, entries, outcome: Outcome::default() };
    let mut foreseen: VecDeque<(u32, u32)> = VecDeque::new();
    let mut keys = Vec::new();
    let mut at = 0;
    for minute in 0..trace.minutes() + ttl {
        let now = minute * 60;
        while let Some(&(loaded, key)) = foreseen.front().filter(|(loaded, _)| loaded + ttl <= minute) {
            foreseen.pop_front();
            let entry = &mut cache.entries[key as usize];
            entry.foreseen = None;
            let used = std::mem::take(&mut entry.used);
            *(if used { &mut cache.outcome.useful } else { &mut cache.outcome.useless }) += 1;
            rule.ended(key, loaded, used);
        }
        if minute >= trace.minutes() {
            continue;
        }
        rule.due(minute, &mut keys);
        for key in keys.drain(..) {
            if !cache.settle(key, now) {
                cache.store(key, now, false);
                (cache.entries[key as usize].foreseen, cache.entries[key as usize].used) = (Some(now), false);
                foreseen.push_back((minute, key));
            }
        }
        while let Some(demand) = trace.demands.get(at).filter(|demand| demand.second < now + 60) {
            at += 1;
            if cache.read(demand.key, demand.second) {
                rule.missed(demand.key, minute);
            }
        }
    }
    cache.outcome.bytes = rule.bytes() as u64;
    cache.outcome
}
