//! Owns the pause between attempts after failures: it doubles each time, up to a cap, and is spread at random so that
//! workers that failed together do not come back together ("full jitter" above a floor: AWS Architecture Blog,
//! "Exponential Backoff And Jitter", 2015).
//!
//! Must never draw the random number itself.

use std::time::Duration;

/// The pause after the first failure.
pub const FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
pub const LONGEST: Duration = Duration::from_secs(300);

/// The pause after `failures` failures in a row; none after 0. `chance` is a random number in 0 ≤ x < 1: the pause lies
/// between half of the step and the whole step.
pub fn pause(failures: u32, chance: f64) -> Duration {
    let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
    let step = FIRST.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(LONGEST);
    step.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_doubles_up_to_its_cap() {
        let longest: Vec<_> = (0..12).map(|failures| pause(failures, 1.0).as_secs()).collect();
        assert_eq!(longest, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    proptest! {
        #[test]
        fn it_is_bounded_and_spread(failures: u32, chance in 0.0..1.0) {
            let (least, most) = (pause(failures, 0.0), pause(failures, 1.0));
            prop_assert!((least..=most).contains(&pause(failures, chance)));
            prop_assert!(most <= LONGEST);
            prop_assert_eq!(least * 2, most);
        }
    }
}
