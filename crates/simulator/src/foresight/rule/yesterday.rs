//! Owns the rule of the same time yesterday: a key that missed is loaded a day later.
//!
//! Must never keep a time that was useless once.

use super::table::Memory;
use crate::timed::DAY;

/// The last four times at which the key was asked for.
#[derive(Debug, Clone, Default)]
pub struct Yesterday {
    minutes: [Option<u32>; 4],
}

impl Memory for Yesterday {
    const BYTES: usize = 16;

    fn missed(&mut self, minute: u32, _: u32) {
        if let Some(oldest) = self.minutes.iter_mut().min() {
            *oldest = Some(minute);
        }
    }

    fn ended(&mut self, loaded: u32, read: bool, ttl: u32) {
        let wanted = Some(loaded + ttl / 2);
        for minute in &mut self.minutes {
            if minute.map(|minute| minute + DAY) == wanted {
                *minute = if read { wanted } else { None };
            }
        }
    }

    fn next(&self, after: u32, ttl: u32) -> Option<u32> {
        let loads = self.minutes.iter().flatten().map(|minute| minute + DAY - ttl / 2);
        loads.filter(|&load| load > after).min()
    }

    fn worth(&self) -> u32 {
        self.minutes.iter().flatten().max().copied().unwrap_or(0)
    }
}
