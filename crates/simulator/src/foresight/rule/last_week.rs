//! Owns the rule of the same time last week: counters for each half hour of the week.
//!
//! Must never load on one sighting alone.

use super::table::Memory;
use crate::timed::WEEK;

const SLOT: u32 = 30;
const SLOTS: usize = (WEEK / SLOT) as usize;
/// From this counter on a half hour is foreseen.
const SURE: u8 = 2;
const MOST: u8 = 3;

/// How sure it is that the key is asked for in each half hour of the week. Two bits each in shared memory.
#[derive(Debug, Clone)]
pub struct LastWeek {
    counters: [u8; SLOTS],
}

impl Default for LastWeek {
    fn default() -> Self {
        Self { counters: [0; SLOTS] }
    }
}

fn slot(minute: u32) -> usize {
    (minute % WEEK / SLOT) as usize
}

impl Memory for LastWeek {
    const BYTES: usize = SLOTS / 4;

    fn missed(&mut self, minute: u32, _: u32) {
        let counter = &mut self.counters[slot(minute)];
        *counter = (*counter + 1).min(MOST);
    }

    fn ended(&mut self, loaded: u32, read: bool, _: u32) {
        let counter = &mut self.counters[slot(loaded + 1)];
        *counter = if read { (*counter + 1).min(MOST) } else { counter.saturating_sub(1) };
    }

    fn next(&self, after: u32, _: u32) -> Option<u32> {
        let begin = (after + 1) / SLOT + 1;
        (begin..begin + SLOTS as u32)
            .find(|slot| self.counters[*slot as usize % SLOTS] >= SURE)
            .map(|slot| slot * SLOT - 1)
    }

    fn worth(&self) -> u32 {
        self.counters.iter().map(|&counter| u32::from(counter)).sum()
    }
}
