//! Finding the statistics of a namespace, or of all namespaces of this backend's database.
//!
//! Owns which slots a backend remembers, so that a get compares one name and one number. Must never give a slot to a
//! namespace that `claim` does not entitle to it.

use super::database::{self, DatabaseStats, NamespaceStats};
use super::slots;
use cache_pg_rules::{key::Key, namespace::Namespace, places::Claim};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{Ordering, fence};

/// How many namespaces a backend remembers the slots of.
const REMEMBERED: usize = 4096;

thread_local! {
    /// The namespace that was counted last, with the generation of its slot.
    static LAST: RefCell<Option<(Box<str>, &'static NamespaceStats, u32)>> = const { RefCell::new(None) };
    /// Namespaces that were counted before.
    static KNOWN: RefCell<HashMap<Box<str>, Known>> = RefCell::new(HashMap::new());
}

/// What a backend remembers of a namespace.
#[derive(Clone, Copy)]
enum Known {
    /// It has a slot with these statistics, as long as that is of this generation.
    Slot(&'static NamespaceStats, u32),
    /// With this claim it got no slot at this time.
    None(Claim, u32),
}

impl NamespaceStats {
    /// Those of a namespace in this backend's database. A namespace without a slot takes one if `claim` entitles it to
    /// one, and shares the database's `rest` otherwise. None: there are no statistics.
    pub fn of(namespace: Namespace, claim: Claim) -> Option<&'static Self> {
        if !database::attached() {
            return None;
        }
        let name = namespace.as_str();
        let stats = LAST.with_borrow_mut(|last| match last {
            Some((known, stats, generation)) if stats.is_still(*generation) && **known == *name => Some(*stats),
            _ => {
                let (stats, generation) = look_up(name, claim)?;
                *last = Some((name.into(), stats, generation));
                Some(stats)
            }
        });
        let Some(stats) = stats else { return DatabaseStats::mine().map(|database| &database.rest) };
        if claim != Claim::Found {
            let now = slots::ticks();
            if stats.last_used.load(Ordering::Relaxed) != now {
                stats.last_used.store(now, Ordering::Relaxed);
            }
        }
        Some(stats)
    }

    /// Those of this backend's database: the rest, what was merged, and those of its namespaces.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        let shared = DatabaseStats::mine().map(|database| [&database.rest, &database.merged]);
        shared.into_iter().flatten().chain(Self::named().map(|(_, stats)| stats))
    }

    /// Those of the namespaces that have a slot, with their names.
    pub fn named() -> impl Iterator<Item = (String, &'static Self)> {
        let database = DatabaseStats::mine().map_or(0, DatabaseStats::owner);
        let owned = slots::all().iter().filter_map(|slot| Some((slot.owner()?, &slot.stats)));
        owned.filter(move |((owner, _), _)| *owner == database).map(|((_, name), stats)| (name, stats))
    }

    /// What `read` returns for each of these. A slot that got another namespace meanwhile is left out, because `read`
    /// may have seen figures of both.
    pub fn read_named<R>(mut read: impl FnMut(String, &'static Self) -> R) -> impl Iterator<Item = R> {
        let database = DatabaseStats::mine().map_or(0, DatabaseStats::owner);
        slots::all().iter().filter_map(move |slot| {
            // The generation is read before the name: if the name is of a later one, the slot is left out as well.
            let generation = slot.stats.generation.load(Ordering::Acquire);
            let (_, name) = slot.owner().filter(|(owner, _)| *owner == database)?;
            let read = read(name, &slot.stats);
            fence(Ordering::Acquire);
            slot.stats.is_still(generation).then_some(read)
        })
    }
}

/// The statistics of a namespace that has a slot, with its generation.
fn look_up(name: &str, claim: Claim) -> Option<(&'static NamespaceStats, u32)> {
    KNOWN.with_borrow_mut(|known| {
        match known.get(name) {
            Some(&Known::Slot(stats, generation)) if stats.is_still(generation) => return Some((stats, generation)),
            Some(&Known::None(claimed, at)) if claim <= claimed && at == slots::ticks() => return None,
            _ => {}
        }
        let found = slots::find_or_take(DatabaseStats::mine()?.owner(), name, claim);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let found = found.map(|(slot, generation)| (&slot.stats, generation));
        let remembered = found.map_or(Known::None(claim, slots::ticks()), |(stats, it)| Known::Slot(stats, it));
        known.insert(name.into(), remembered);
        found
    })
}

/// These namespaces of this backend's database are configured, and no others: each keeps a slot from now on, as long as
/// there are so many.
pub fn mark_configured(names: HashSet<&str>) {
    let Some(database) = DatabaseStats::mine() else { return };
    for (_, stats) in NamespaceStats::named().filter(|(name, _)| !names.contains(name.as_str())) {
        stats.is_configured.store(false, Ordering::Relaxed);
    }
    for name in names {
        if let Some((slot, _)) = slots::find_or_take(database.owner(), name, Claim::Configured) {
            slot.stats.is_configured.store(true, Ordering::Relaxed);
        }
    }
}

/// Finds the statistics of one row after another, and remembers those of the last one.
#[derive(Default)]
pub struct StatsOfRows {
    last: Option<(Box<str>, Option<&'static NamespaceStats>)>,
}

impl StatsOfRows {
    /// Those of the namespace of a key; None where nothing is counted.
    pub fn of(&mut self, key: &str) -> Option<&'static NamespaceStats> {
        let namespace = Key::parse(key).ok()?.namespace();
        match &self.last {
            Some((known, stats)) if **known == *namespace.as_str() => *stats,
            _ => {
                let stats = NamespaceStats::of(namespace, Claim::Found);
                self.last = Some((namespace.as_str().into(), stats));
                stats
            }
        }
    }
}
