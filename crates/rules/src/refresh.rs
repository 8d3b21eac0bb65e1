//! Owns when a reader computes a value anew before its deadline.
//!
//! It is optimal probabilistic cache stampede prevention (XFetch; Vattani, Chierichetti, Lowenstein, VLDB 2015): each
//! reader decides for itself, and the nearer the deadline and the slower the last computation, the likelier it does. So
//! one reader of a popular key renews it before all readers miss it. Must never draw the random number itself.

/// Whether a reader should renew the value.
///
/// `remaining` is the time to the deadline and `load` what it took to compute the value, in the same unit; `beta` is
/// the eagerness, 1 by the paper, 0 for never; `chance` is a random number in 0 ≤ x < 1.
pub fn is_early(remaining: i64, load: i64, beta: f64, chance: f64) -> bool {
    beta > 0.0 && load > 0 && load as f64 * beta * -(1.0 - chance).ln() >= remaining as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_share_of_readers_that_renew_is_that_of_the_paper() {
        // P(load × beta × -ln(x) ≥ remaining) = exp(-remaining / (load × beta)).
        let renewing =
            |remaining, beta| (0..1000).filter(|&i| is_early(remaining, 100, beta, f64::from(i) / 1000.0)).count();
        assert_eq!(renewing(0, 1.0), 1000);
        assert!((360..=370).contains(&renewing(100, 1.0)));
        assert!((130..=140).contains(&renewing(200, 1.0)));
        assert!((360..=370).contains(&renewing(200, 2.0)));
        assert_eq!(renewing(0, 0.0), 0);
    }

    proptest! {
        #[test]
        fn nearer_the_deadline_is_likelier(remaining in 0_i64..1_000_000, nearer in 0_i64..1_000_000, load: u32, chance in 0.0..1.0) {
            prop_assume!(nearer <= remaining);
            if is_early(remaining, load.into(), 1.0, chance) {
                prop_assert!(is_early(nearer, load.into(), 1.0, chance));
            }
        }
    }
}
