//! Owns how far a full sweep corrects a gauge, although other sessions write while it counts.
//!
//! Must never make a correct gauge wrong while a cache fills up or empties.

/// A sweep during which the net change exceeds this part of the count leaves the gauge as it is, within the bounds that
/// the sweep sets.
const STEADY: i64 = 16;

/// The value that a gauge gets after a sweep that counted `counted` entries. The gauge says `now`, and said `then` when
/// the sweep began.
///
/// An entry that is added or removed during a sweep lies before or behind the sweeper, so on average half of these are
/// counted: the best estimate is the count plus half of the net change. Its error is of the order of the square root of
/// the number of changes and has no direction. While a cache fills up or empties, the error can be half of the net
/// change, and would spoil a correct gauge. In that case the gauge is only clamped to the range from the count to the
/// count plus the whole net change.
pub fn set_right(counted: i64, now: i64, then: i64) -> i64 {
    let change = now - then;
    let right = match change.abs() > counted / STEADY {
        true => now.clamp(counted.min(counted + change), counted.max(counted + change)),
        false => counted + change / 2,
    };
    right.max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_sets_right_what_nobody_has_told_of() {
        assert_eq!(set_right(146_500, 300, 100), 146_600);
        assert_eq!(set_right(1_000, 50_000, 50_000), 1_000);
        assert_eq!(set_right(0, 500, 500), 0);
        assert_eq!(set_right(10, -5, -5), 10);
    }

    #[test]
    fn a_turn_while_a_cache_fills_up_or_empties_leaves_a_gauge_right_that_is() {
        // It began with 3,000 entries, and has met 9,000 of the 20,000 that there are now.
        assert_eq!(set_right(9_000, 20_000, 3_000), 20_000);
        assert_eq!(set_right(11_000, 2_000, 20_000), 2_000);
        // A gauge that is too low, or too high, moves as far as it must.
        assert_eq!(set_right(9_000, 5_000, 1_000), 9_000);
        assert_eq!(set_right(9_000, 80_000, 70_000), 19_000);
    }
}
