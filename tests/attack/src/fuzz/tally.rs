//! How many statements ran, and with which SQLSTATE.
//!
//! Must never judge.

use std::collections::BTreeMap;
use std::fmt;

/// Counts by SQLSTATE; `closed` where the connection ended without one.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<String, usize>);

impl Tally {
    /// Counts a statement.
    pub fn note(&mut self, state: &str) {
        *self.0.entry(state.to_owned()).or_default() += 1;
    }

    /// Counts those of another session too.
    pub fn add(&mut self, other: Self) {
        for (state, count) in other.0 {
            *self.0.entry(state).or_default() += count;
        }
    }

    /// How many there were in all.
    pub fn calls(&self) -> usize {
        self.0.values().sum()
    }

    /// How many ended with this SQLSTATE.
    pub fn of(&self, state: &str) -> usize {
        self.0.get(state).copied().unwrap_or(0)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts: Vec<_> = self.0.iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let shown: Vec<_> = counts.iter().map(|(state, count)| format!("{state} {count}")).collect();
        formatter.write_str(&shown.join(", "))
    }
}
