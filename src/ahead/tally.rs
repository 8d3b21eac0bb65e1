//! The counts of the loads of a namespace.
//!
//! Owns these three figures together. Must never count itself.

/// The counts of a namespace since its counters began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Values of keys that were in line.
    pub warmed: u64,
    /// Loads that failed.
    pub failed: u64,
    /// Loads without a value.
    pub null: u64,
}

impl Tally {
    /// The counts since `before`. Counters may have been reset meanwhile.
    pub fn since(self, before: Self) -> Self {
        Self {
            warmed: self.warmed.saturating_sub(before.warmed),
            failed: self.failed.saturating_sub(before.failed),
            null: self.null.saturating_sub(before.null),
        }
    }
}
