//! Owns which slot of the statistics a namespace gets: a free one first, then the one that was unused for longest.
//!
//! The number of slots is fixed. Must never take the slot of a configured namespace, whose own limit is judged by the
//! counts there, nor the slot of a namespace in recent use, except for a configured one.

/// Why a namespace asks for a slot. Each reason allows what the reasons before it allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// A read in it missed: no slot.
    Missed,
    /// An entry of it was found in the table: a free slot.
    Found,
    /// It is in use: also a slot that was unused for [`IDLE`] minutes.
    Used,
    /// It is configured: also the slot of any namespace that is not.
    Configured,
}

/// After how many minutes without use a namespace may lose its slot.
pub const IDLE: u32 = 10;

/// A slot that is not free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Whether its namespace is configured.
    pub is_configured: bool,
    /// For how many minutes it was unused.
    pub idle: u32,
}

/// The number of the slot that a namespace gets; None: no slot. A `None` among `places` is a free slot.
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
