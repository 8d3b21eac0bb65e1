//! How far a turn of the sweeper corrects a gauge: it counts while others write.

/// A turn during which more than this part of what it has counted has come or gone on balance leaves the gauge where it
/// is, within what the turn allows.
const STEADY: i64 = 16;

/// What a gauge should say after a turn that has counted so much, where it says `now`, and said `then` when the turn
/// began.
///
/// An entry that comes or goes during a turn does so before or behind the hand, and in the mean half of them are met: so
/// it is what was counted, and half of the net change. What that is wrong by is of the order of the square root of all
/// that has come and gone, and has no direction; but while a cache fills up or empties it is as much as half of that
/// change, and a gauge that was right would become wrong. Then it is only kept between what was counted and that with the
/// whole change.
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
        // One that had been told of less than there is, or of more, moves as far as it must.
        assert_eq!(set_right(9_000, 5_000, 1_000), 9_000);
        assert_eq!(set_right(9_000, 80_000, 70_000), 19_000);
    }
}
