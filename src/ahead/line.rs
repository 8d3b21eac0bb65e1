//! The line of loads: putting them in, taking them out.
//!
//! Owns the order in which loads are carried out, and how many of one namespace wait. Must never run a loader.

use super::load::{End, Kind, Load};
use super::places::{CAPACITY, FREE, LINE, Line, Place};
use super::rests::{self, Resting};
use crate::pg::{Steady, backend};
use pgrx::pg_sys::Oid;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// How many of them may belong to one namespace, so that it leaves room for others.
const OF_NAMESPACE: usize = CAPACITY / 4;
/// How much more of a process's time a namespace may get than others that wait.
const AHEAD_OF_OTHERS: Duration = Duration::from_secs(1);

/// What [`add`] has changed.
#[derive(Default)]
pub struct Added {
    /// In line now.
    pub placed: Vec<Load>,
    /// No longer in line, because a more urgent load took the place.
    pub displaced: Vec<Load>,
}

/// Puts loads of this database in line, the most urgent first. Left out are those that are in line already, those that
/// rest after failures, and those that find no place: the sweeper finds them again.
pub fn add(mut loads: Vec<Load>, now: i64) -> Added {
    let (database, queued_at) = (backend::database(), Steady::now());
    let resting = Resting::now();
    loads.retain(|load| !resting.includes(database, load));
    loads.sort_by(|one, other| other.urgency(now).total_cmp(&one.urgency(now)));
    let mut line = LINE.exclusive();
    let mine = line.places.iter().filter(|place| place.database == database);
    let mut known: HashSet<u64> = mine.clone().map(|place| place.load.key).collect();
    let mut of_namespaces: HashMap<u64, usize> = HashMap::new();
    mine.for_each(|place| *of_namespaces.entry(place.load.namespace).or_default() += 1);
    let mut free = line.free(&resting, now).into_iter();
    let mut by_urgency = None;
    let mut added = Added::default();
    for load in loads {
        if !known.insert(load.key) {
            continue;
        }
        let is_full = of_namespaces.get(&load.namespace).is_some_and(|&count| count >= OF_NAMESPACE);
        let free = if is_full { None } else { free.next() };
        let found = free.or_else(|| {
            let waiting = by_urgency.get_or_insert_with(|| line.by_urgency(database, now));
            // A namespace that has all of its places takes one of its own.
            let least = waiting.iter().rposition(|&it| !is_full || line.places[it].load.namespace == load.namespace)?;
            let is_less_urgent = line.places[waiting[least]].load.urgency(now) < load.urgency(now);
            is_less_urgent.then(|| waiting.remove(least))
        });
        let Some(found) = found else { continue };
        let before = line.places[found];
        if before.database == database {
            added.displaced.push(before.load);
            of_namespaces.entry(before.load.namespace).and_modify(|count| *count -= 1);
        }
        line.places[found] = Place { database, load, queued_at, ..FREE };
        added.placed.push(load);
        *of_namespaces.entry(load.namespace).or_default() += 1;
    }
    added
}

impl Line {
    /// The places that are free, or whose load has waited until its deadline, or rests after failures.
    fn free(&self, resting: &Resting, now: i64) -> Vec<usize> {
        let is_over =
            |place: &Place| place.load.timing.expires_at <= now || resting.includes(place.database, &place.load);
        let is_free = |place: &Place| place.database == Oid::INVALID || place.loader == 0 && is_over(place);
        (0..CAPACITY).filter(|&number| is_free(&self.places[number])).collect()
    }

    /// The loads of a database that wait, the least urgent last.
    fn by_urgency(&self, database: Oid, now: i64) -> Vec<usize> {
        let waiting = (0..CAPACITY).filter(|&it| self.places[it].database == database && self.places[it].loader == 0);
        let mut waiting: Vec<usize> = waiting.collect();
        let urgency = |number: &usize| self.places[*number].load.urgency(now);
        waiting.sort_by(|one, other| urgency(other).total_cmp(&urgency(one)));
        waiting
    }
}

/// Takes the most urgent load of this database. `was_read_again` tells for the hash of a key whether it was read since
/// it is in line: then it is read at least as often as it has waited, otherwise once since it was stored. `spent` is
/// the time that this process has spent on each namespace: one that has had [`AHEAD_OF_OTHERS`] more than another waits
/// for it.
pub fn take(now: i64, was_read_again: impl Fn(u64) -> bool, spent: &mut HashMap<u64, Duration>) -> Option<Load> {
    let (database, steady) = (backend::database(), Steady::now());
    let (resting, is_new) = (Resting::now(), spent.is_empty());
    let mut line = LINE.exclusive();
    let urgency = |place: &Place| {
        let waited = steady.since(place.queued_at).as_micros() as i64;
        let age = now.saturating_sub(place.load.timing.written_at);
        let is_read_again = place.load.is_refresh() && was_read_again(place.load.key);
        place.load.urgency_if_read(if is_read_again { waited } else { age }, now)
    };
    let may_be_taken = |place: &Place| {
        place.database == database
            && place.loader == 0
            && place.load.timing.expires_at > now
            && !resting.includes(database, &place.load)
    };
    let waiting: Vec<usize> = (0..CAPACITY).filter(|&number| may_be_taken(&line.places[number])).collect();
    let namespaces: HashSet<u64> = waiting.iter().map(|&number| line.places[number].load.namespace).collect();
    // A namespace that is new here has no claim to the time before it.
    let least = namespaces.iter().filter_map(|namespace| spent.get(namespace)).min().copied().unwrap_or_default();
    let most = least + AHEAD_OF_OTHERS;
    namespaces.iter().for_each(|&namespace| {
        spent.entry(namespace).or_insert(least);
    });
    let has_its_turn = |number: &usize| spent.get(&line.places[*number].load.namespace).is_none_or(|it| *it <= most);
    let waiting = waiting.into_iter().filter(has_its_turn);
    let urgencies = waiting.map(|number| {
        let place = &line.places[number];
        (number, is_new && place.is_given_back, urgency(place))
    });
    let (first, ..) = urgencies.max_by(|one, other| one.1.cmp(&other.1).then(one.2.total_cmp(&other.2)))?;
    let place = &mut line.places[first];
    (place.loader, place.began_at, place.key, place.is_given_back) = (backend::pid(), steady, 0, false);
    Some(place.load)
}

/// Ends the load that this process has taken. Returns how many loads of its namespace have failed in a row, up to this
/// one; 0: it has not failed, or says nothing of the namespace.
pub fn end(load: &Load, end: End, chance: f64) -> u32 {
    let database = backend::database();
    let mut line = LINE.exclusive();
    let (pid, key) = (backend::pid(), load.key);
    line.places
        .iter_mut()
        .filter(|place| place.database == database && place.loader == pid && place.load.key == key)
        .for_each(|place| match (end, load.kind) {
            // The key whose load has failed leaves the line of the table, and others may follow on its page.
            (End::GoesOn, _) | (End::Failed { .. }, Kind::Warm { .. }) => place.loader = 0,
            (End::GivenBack, _) => (place.loader, place.is_given_back) = (0, true),
            _ => *place = FREE,
        });
    drop(line);
    rests::record(database, load, end, chance)
}

/// The load that this process has taken has come so far: from now on it has as long as at its beginning. `key`: the
/// hash of the key that is loaded now, if it has several. False: another process loads that key.
pub fn goes_on(load: &Load, key: u64) -> bool {
    let (database, pid) = (backend::database(), backend::pid());
    let mut line = LINE.exclusive();
    let loads_it = |it: &Place| it.database == database && it.loader != 0 && it.loader != pid && it.key == key;
    if key != 0 && line.places.iter().any(loads_it) {
        return false;
    }
    let is_it = |it: &&mut Place| it.database == database && it.loader == pid && it.load.key == load.key;
    line.places.iter_mut().filter(is_it).for_each(|it| (it.began_at, it.key) = (Steady::now(), key));
    true
}

/// Ends the loads of processes that `is_alive` says are gone. They have failed, because only a signal can have ended
/// such a process. Returns these loads with their databases, and how many of the namespace have failed in a row.
pub fn end_abandoned(is_alive: impl Fn(i32) -> bool, chance: f64) -> Vec<(Oid, Load, u32)> {
    let loaders = LINE.share().places.iter().map(|place| place.loader).collect::<HashSet<i32>>();
    let gone: Vec<i32> = loaders.into_iter().filter(|&pid| pid != 0 && !is_alive(pid)).collect();
    if gone.is_empty() {
        return Vec::new();
    }
    let mut abandoned = Vec::new();
    for place in LINE.exclusive().places.iter_mut().filter(|place| gone.contains(&place.loader)) {
        // Of several keys the one that was loaded is left alone.
        let load = if place.key == 0 { place.load } else { Load { kind: Kind::Refresh, key: place.key, ..place.load } };
        abandoned.push((place.database, load));
        *place = FREE;
    }
    let record = |(database, load)| {
        (database, load, rests::record(database, &load, End::Failed { is_of_namespace: true }, chance))
    };
    abandoned.into_iter().map(record).collect()
}
