//! The entries that wait for a refresh, in shared memory.
//!
//! Owns one array of loads for the whole server, behind one lightweight lock. An entry is known by the hash of its key
//! and its page, so the array needs no keys: the process that takes a load reads the row again. Must never be locked
//! while a loader runs. A crash restart loses everything, and the sweepers find it again.

use super::load::{End, Load, Queue, Standing};
use super::rests::{self, Resting};
use crate::pg::{Steady, backend, clock};
use cache_pg_rules::ahead::Timing;
use pgrx::pg_sys::Oid;
use pgrx::{PGRXSharedMemory, PgLwLock, pg_shmem_init};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// How many loads wait at most, in all databases together. The sweeper finds the others again when there is room.
pub const CAPACITY: usize = 2048;
/// How many of them may belong to one namespace, so that it leaves room for others.
const OF_NAMESPACE: usize = CAPACITY / 4;
/// How much more of a process's time a namespace may get than others that wait.
const AHEAD_OF_OTHERS: Duration = Duration::from_secs(1);

/// A place in the array.
#[derive(Clone, Copy)]
struct Place {
    /// InvalidOid: the place is free.
    database: Oid,
    load: Load,
    queued_at: Steady,
    /// The process that loads it; 0: it waits.
    loader: i32,
    /// When that process has begun.
    began_at: Steady,
}

struct Line {
    places: [Place; CAPACITY],
}

// SAFETY: plain data, no pointers.
unsafe impl PGRXSharedMemory for Line {}

// SAFETY: the name is used once.
static LINE: PgLwLock<Line> = unsafe { PgLwLock::new(c"cache_pg loads") };

const NO_TIMING: Timing = Timing { written_at: 0, expires_at: 0, load: 0, ahead: 0 };
const FREE: Place = Place {
    database: Oid::INVALID,
    load: Load { key: 0, namespace: 0, page: 0, timing: NO_TIMING },
    queued_at: Steady::PAST,
    loader: 0,
    began_at: Steady::PAST,
};

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    pg_shmem_init!(LINE = Line { places: [FREE; CAPACITY] });
}

/// What [`add`] has changed, by the hashes of the keys.
#[derive(Default)]
pub struct Added {
    /// In line now.
    pub placed: Vec<u64>,
    /// No longer in line, because a more urgent load took the place.
    pub displaced: Vec<u64>,
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
    let known: HashSet<u64> = mine.clone().map(|place| place.load.key).collect();
    let mut of_namespaces: HashMap<u64, usize> = HashMap::new();
    mine.for_each(|place| *of_namespaces.entry(place.load.namespace).or_default() += 1);
    let mut free = line.free(&resting, now).into_iter();
    let mut least_urgent = None;
    let mut added = Added::default();
    for load in loads.into_iter().filter(|load| !known.contains(&load.key)) {
        if of_namespaces.get(&load.namespace).is_some_and(|&count| count >= OF_NAMESPACE) {
            continue;
        }
        let found = free.next().or_else(|| {
            let least = least_urgent.get_or_insert_with(|| line.by_urgency(database, now)).pop()?;
            (line.places[least].load.urgency(now) < load.urgency(now)).then_some(least)
        });
        let Some(found) = found else { break };
        let before = line.places[found];
        if before.database == database {
            added.displaced.push(before.load.key);
            of_namespaces.entry(before.load.namespace).and_modify(|count| *count -= 1);
        }
        line.places[found] = Place { database, load, queued_at, ..FREE };
        added.placed.push(load.key);
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
    let resting = Resting::now();
    let mut line = LINE.exclusive();
    let urgency = |place: &Place| {
        let waited = steady.since(place.queued_at).as_micros() as i64;
        let age = now.saturating_sub(place.load.timing.written_at);
        place.load.timing.urgency(if was_read_again(place.load.key) { waited } else { age }, now)
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
    let urgencies = waiting.map(|number| (number, urgency(&line.places[number])));
    let (first, _) = urgencies.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    let place = &mut line.places[first];
    (place.loader, place.began_at) = (backend::pid(), steady);
    Some(place.load)
}

/// Ends the load that this process has taken.
pub fn end(load: &Load, end: End, chance: f64) {
    let database = backend::database();
    let mut line = LINE.exclusive();
    let (pid, key) = (backend::pid(), load.key);
    line.places
        .iter_mut()
        .filter(|place| place.database == database && place.loader == pid && place.load.key == key)
        .for_each(|place| *place = FREE);
    drop(line);
    rests::record(database, load, end, chance);
}

/// The databases that have loads in line.
pub fn queues() -> Vec<Queue> {
    let mut queues: Vec<Queue> = Vec::new();
    let (resting, now) = (Resting::now(), clock::now().0);
    let line = LINE.share();
    for place in line.places.iter().filter(|place| place.database != Oid::INVALID) {
        let is_over = place.load.timing.expires_at <= now || resting.includes(place.database, &place.load);
        if place.loader == 0 && is_over {
            continue;
        }
        let found = queues.iter().position(|queue| queue.database == place.database).unwrap_or_else(|| {
            queues.push(Queue { database: place.database, waiting: 0, running: 0 });
            queues.len() - 1
        });
        if place.loader == 0 { queues[found].waiting += 1 } else { queues[found].running += 1 }
    }
    queues
}

/// The processes whose load has run for longer than `limit`.
pub fn overdue(limit: Duration) -> Vec<i32> {
    let now = Steady::now();
    let line = LINE.share();
    let overdue = line.places.iter().filter(|place| place.loader != 0 && now.since(place.began_at) > limit);
    overdue.map(|place| place.loader).collect()
}

/// Ends the loads of processes that `is_alive` says are gone. They have failed, because only a signal can have ended
/// such a process. Returns these loads with their databases.
pub fn end_abandoned(is_alive: impl Fn(i32) -> bool, chance: f64) -> Vec<(Oid, Load)> {
    let loaders = LINE.share().places.iter().map(|place| place.loader).collect::<HashSet<i32>>();
    let gone: Vec<i32> = loaders.into_iter().filter(|&pid| pid != 0 && !is_alive(pid)).collect();
    if gone.is_empty() {
        return Vec::new();
    }
    let mut abandoned = Vec::new();
    for place in LINE.exclusive().places.iter_mut().filter(|place| gone.contains(&place.loader)) {
        abandoned.push((place.database, place.load));
        *place = FREE;
    }
    for (database, load) in &abandoned {
        rests::record(*database, load, End::Failed { is_of_namespace: true }, chance);
    }
    abandoned
}

/// A database is gone: forgets all that is known of it.
pub fn drop_database(database: Oid) {
    LINE.exclusive().places.iter_mut().filter(|place| place.database == database).for_each(|place| *place = FREE);
}

/// How the loads of a namespace stand, by the hash of its name.
pub fn standing(namespace: u64) -> Standing {
    let database = backend::database();
    let (failures, rests_until) = rests::of_namespace(database, namespace);
    let mut standing = Standing { failures, rests_until, ..Standing::default() };
    let line = LINE.share();
    for place in line.places.iter().filter(|it| it.database == database && it.load.namespace == namespace) {
        if place.loader == 0 { standing.waiting += 1 } else { standing.running += 1 }
    }
    standing
}
