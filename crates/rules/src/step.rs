//! Owns what one step of a sweep has done, and how the parts of a step add up.
//!
//! Must never be added up over tables: its pages are those of one.

use crate::pace::Found;

/// The result of a step.
#[derive(Debug, Clone, Copy, Default)]
pub struct Step {
    /// How many pages the table has.
    pub pages: u32,
    /// How many pages the step got on.
    pub walked: u32,
    /// How many of the pages that it got on it read; in the others nothing can have been due.
    pub read: u32,
    /// Where the next step starts; 0: the turn is complete.
    pub next: u32,
    /// The rows that it visited, and those that were due.
    pub found: Found,
    /// How many rows it removed.
    pub removed: u32,
    /// How many of the rows that it removed were live.
    pub evicted: u32,
    /// The earliest deadline of what it left. None: it left nothing, or was not the sweeper's.
    pub next_due: Option<i64>,
    /// The earliest moment at which an entry that it left must be looked at for a refresh. None: there is none.
    pub next_look: Option<i64>,
    /// The longest time that a row which it removed had been due for, in microseconds.
    pub lag: i64,
}

impl Step {
    /// Something that is due at `deadline` stays behind.
    pub fn leave(&mut self, deadline: i64) {
        self.next_due = Some(self.next_due.map_or(deadline, |earliest| earliest.min(deadline)));
    }

    /// An entry that must be looked at again `at` this moment stays behind.
    pub fn look_again(&mut self, at: i64) {
        self.next_look = Some(self.next_look.map_or(at, |earliest| earliest.min(at)));
    }

    /// Goes on with `part`, where this one ended.
    pub fn add(&mut self, part: Self) {
        self.next = part.next;
        self.read += part.read;
        self.found.add(part.found);
        self.removed += part.removed;
        self.evicted += part.evicted;
        self.lag = self.lag.max(part.lag);
    }
}
