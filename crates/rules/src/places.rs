//! Which namespace gives its place in the statistics to another one.
//!
//! There are so many places and no more. Owns the order: one that is free, then the one that nothing has used for
//! longest. Must never take the place of a namespace that is configured, because a limit of its own is judged by what
//! is counted there; nor that of one that was used lately, except for one that is configured.

/// Why a namespace asks for a place. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// It was asked for, in vain: it takes none.
    Missed,
    /// It was found in the table: it takes one that is free.
    Found,
    /// It is used: it takes one that nothing has used for [`IDLE`], too.
    Used,
    /// It is configured: it takes that of any one that is not.
    Configured,
}

/// For so many minutes nothing must have used a namespace before another one takes its place.
pub const IDLE: u32 = 10;

/// A place that is not free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Whether its namespace is configured.
    pub is_configured: bool,
    /// For how many minutes nothing has used it.
    pub idle: u32,
}

/// Which of the places that are taken a namespace gets, by their order; None: none of them.
pub fn choose(places: impl Iterator<Item = Option<Taken>>, claim: Claim) -> Option<usize> {
    let least = match claim {
        Claim::Missed | Claim::Found => return None,
        Claim::Used => IDLE,
        Claim::Configured => 0,
    };
    let may_go = |place: &(usize, Option<Taken>)| place.1.is_some_and(|it| !it.is_configured && it.idle >= least);
    places.enumerate().filter(may_go).max_by_key(|(_, place)| place.map(|it| it.idle)).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places() -> impl Strategy<Value = Vec<Option<Taken>>> {
        let taken = (any::<bool>(), 0_u32..3 * IDLE).prop_map(|(is_configured, idle)| Taken { is_configured, idle });
        proptest::collection::vec(proptest::option::of(taken), 0..20)
    }

    #[test]
    fn a_miss_and_a_row_in_the_table_take_no_place_from_another() {
        let idle = [Some(Taken { is_configured: false, idle: u32::MAX })];
        for claim in [Claim::Missed, Claim::Found] {
            assert_eq!(choose(idle.into_iter(), claim), None);
        }
    }

    proptest! {
        #[test]
        fn a_configured_namespace_loses_its_place_to_nobody(places in places()) {
            for claim in [Claim::Used, Claim::Configured] {
                if let Some(chosen) = choose(places.iter().copied(), claim) {
                    prop_assert!(places[chosen].is_some_and(|it| !it.is_configured));
                }
            }
        }

        #[test]
        fn the_one_that_was_idle_for_longest_goes_and_none_that_was_used_lately(places in places()) {
            let longest = places.iter().flatten().filter(|it| !it.is_configured).map(|it| it.idle).max();
            let chosen = |claim| choose(places.iter().copied(), claim).and_then(|it| places[it]).map(|it| it.idle);
            prop_assert_eq!(chosen(Claim::Used), longest.filter(|&idle| idle >= IDLE));
            prop_assert_eq!(chosen(Claim::Configured), longest);
        }
    }
}
