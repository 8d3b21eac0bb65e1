//! The tally of a namespace.
//!
//! Owns what a backend remembers of places, so that a get compares one name and one number. Must never give a place to
//! a namespace that `claim` does not entitle to it.

use super::memory::{self, Tally};
use super::place;
use cache_pg_rules::namespace::Namespace;
use cache_pg_rules::places::Claim;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

/// How many namespaces a backend remembers the places of.
const REMEMBERED: usize = 4096;

thread_local! {
    /// The namespace that was counted last, with the generation of its place.
    static LAST: RefCell<Option<(Box<str>, &'static Tally, u32)>> = const { RefCell::new(None) };
    /// Namespaces that were counted before.
    static KNOWN: RefCell<HashMap<Box<str>, Known>> = RefCell::new(HashMap::new());
}

/// What a backend remembers of a namespace.
#[derive(Clone, Copy)]
enum Known {
    /// It has this place, as long as that is of this generation.
    Place(&'static Tally, u32),
    /// With this claim it got none at this time.
    None(Claim, u32),
}

/// The tally of a namespace in this backend's database, which takes a place if it has none and `claim` entitles it to
/// one; that of the rest where it has none. None where there are no statistics.
pub fn of(namespace: Namespace, claim: Claim) -> Option<&'static Tally> {
    if !memory::attached() {
        return None;
    }
    let name = namespace.as_str();
    let tally = LAST.with_borrow_mut(|last| match last {
        Some((known, tally, generation)) if tally.is_still(*generation) && **known == *name => Some(*tally),
        _ => {
            let (tally, generation) = look_up(name, claim)?;
            *last = Some((name.into(), tally, generation));
            Some(tally)
        }
    });
    let Some(tally) = tally else { return memory::area().map(|area| &area.rest) };
    if claim != Claim::Found {
        let now = place::ticks();
        if tally.last_used.load(Ordering::Relaxed) != now {
            tally.last_used.store(now, Ordering::Relaxed);
        }
    }
    Some(tally)
}

/// The place of a namespace, with its generation.
fn look_up(name: &str, claim: Claim) -> Option<(&'static Tally, u32)> {
    KNOWN.with_borrow_mut(|known| {
        match known.get(name) {
            Some(&Known::Place(tally, generation)) if tally.is_still(generation) => return Some((tally, generation)),
            Some(&Known::None(claimed, at)) if claim <= claimed && at == place::ticks() => return None,
            _ => {}
        }
        let found = place::find_or_take(memory::area()?.owner().load(Ordering::Relaxed), name, claim);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let found = found.map(|(place, generation)| (&place.tally, generation));
        let remembered = found.map_or(Known::None(claim, place::ticks()), |(tally, it)| Known::Place(tally, it));
        known.insert(name.into(), remembered);
        found
    })
}

/// These namespaces of this backend's database are configured, and no others: each has a place from now on, as long as
/// there are so many.
pub fn configure<'a>(names: impl Iterator<Item = &'a str>) {
    let Some(area) = memory::area() else { return };
    let names: HashSet<&str> = names.collect();
    for (_, tally) in memory::places().filter(|(name, _)| !names.contains(name.as_str())) {
        tally.is_configured.store(false, Ordering::Relaxed);
    }
    for name in names {
        if let Some((place, _)) = place::find_or_take(area.owner().load(Ordering::Relaxed), name, Claim::Configured) {
            place.tally.is_configured.store(true, Ordering::Relaxed);
        }
    }
}
