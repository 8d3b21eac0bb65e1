//! Owns the arithmetic of a limit: where the sweeper begins to evict, where it stops, and where a writer must help.
//!
//! The room between the sweeper's start and the limit holds what is written while the sweeper wakes up. Must never
//! evict more than a tenth below the limit, nor anything where there is no limit.

/// The sweeper begins at 63/64 of the limit, so that a steady load stays within it.
const BEGIN: u64 = 64;
/// The sweeper stops at 31/32 of the limit.
const END: u64 = 32;

/// The most that a cache, or a namespace, may hold of something: entries or bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u64);

impl Limit {
    /// 0 is no limit.
    pub fn new(most: u64) -> Option<Self> {
        (most > 0).then_some(Self(most))
    }

    /// The limit itself.
    pub fn most(self) -> u64 {
        self.0
    }

    /// Whether the sweeper must make room.
    pub fn is_reached(self, held: u64) -> bool {
        held > self.0 - self.0 / BEGIN
    }

    /// How much must go, where room is needed; afterwards, how much is left to go.
    pub fn excess(self, held: u64) -> u64 {
        held.saturating_sub(self.0 - self.0 / END)
    }

    /// Whether a writer must make room itself, because the sweeper falls behind or does not run: more than `factor`
    /// times the limit (1 or more) is held.
    pub fn is_broken(self, held: u64, factor: f64) -> bool {
        held as f64 > self.0 as f64 * factor
    }
}

/// The limits of a database, or of a namespace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most live entries.
    pub entries: Option<Limit>,
    /// The most bytes that they take.
    pub bytes: Option<Limit>,
}

/// Whether room is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// No.
    None,
    /// The sweeper must make room.
    Near,
    /// The sweeper falls behind: writers must make room.
    Broken,
}

impl Need {
    /// The need for room where `held` is held and `factor` times the limits is allowed.
    pub fn of(limits: Limits, held: Held, factor: f64) -> Self {
        match () {
            () if limits.are_broken(held, factor) => Self::Broken,
            () if limits.are_reached(held) => Self::Near,
            () => Self::None,
        }
    }
}

/// The content of a cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Live entries.
    pub entries: u64,
    /// The bytes that they take.
    pub bytes: u64,
}

impl Limits {
    /// Whether there is a limit.
    pub fn any(self) -> bool {
        self.entries.or(self.bytes).is_some()
    }

    /// Whether the sweeper must make room.
    pub fn are_reached(self, held: Held) -> bool {
        self.one(held, Limit::is_reached)
    }

    /// Whether a writer must make room itself.
    pub fn are_broken(self, held: Held, factor: f64) -> bool {
        self.one(held, |limit, held| limit.is_broken(held, factor))
    }

    /// How much must go once the sweeper has begun.
    pub fn excess(self, held: Held) -> Held {
        let of = |limit: Option<Limit>, held| limit.map_or(0, |limit| limit.excess(held));
        Held { entries: of(self.entries, held.entries), bytes: of(self.bytes, held.bytes) }
    }

    fn one(self, held: Held, test: impl Fn(Limit, u64) -> bool) -> bool {
        self.entries.is_some_and(|limit| test(limit, held.entries))
            || self.bytes.is_some_and(|limit| test(limit, held.bytes))
    }
}

impl Held {
    /// The rest after an entry of `bytes` is gone.
    pub fn without(self, bytes: u64) -> Self {
        Self { entries: self.entries.saturating_sub(1), bytes: self.bytes.saturating_sub(bytes) }
    }

    /// Whether both are 0.
    pub fn is_empty(self) -> bool {
        self.entries == 0 && self.bytes == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn zero_is_no_limit() {
        assert_eq!(Limit::new(0), None);
    }

    #[test]
    fn a_tiny_cache_keeps_all_that_it_may() {
        let limit = Limit::new(3).unwrap();
        assert!(!limit.is_reached(3) && limit.is_reached(4));
        assert_eq!([limit.excess(3), limit.excess(4)], [0, 1]);
    }

    proptest! {
        #[test]
        fn the_hand_begins_within_the_limit_and_leaves_nine_tenths(most in 1_u64..1 << 40, held in 0_u64..1 << 41) {
            let limit = Limit::new(most).unwrap();
            prop_assert!(limit.is_reached(held) || held <= most);
            let left = held - limit.excess(held);
            prop_assert!(left <= most && (left as f64 >= 0.9 * most as f64 || left == held));
            prop_assert!(!limit.is_reached(left));
        }
    }
}
