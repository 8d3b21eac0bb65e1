//! How many loads are in the line, and for how long they have run.
//!
//! Owns these figures. Must never change the line.

use super::load::{Kind, Load, Queue, Standing};
use super::places::LINE;
use super::rests::{self, Resting};
use crate::pg::{Steady, backend, clock};
use pgrx::pg_sys::Oid;
use std::time::Duration;

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

/// Whether a process loads keys in line of a namespace of this database, or of any.
pub fn is_warming(namespace: Option<u64>) -> bool {
    let database = backend::database();
    let is_it = |load: &Load| namespace.is_none_or(|namespace| namespace == load.namespace);
    LINE.share().places.iter().any(|place| {
        let is_warm = matches!(place.load.kind, Kind::Warm { .. });
        place.database == database && place.loader != 0 && is_warm && is_it(&place.load)
    })
}

/// How the loads of a namespace stand, by the hash of its name.
pub fn standing(namespace: u64) -> Standing {
    let database = backend::database();
    let (failures, rests_until) = rests::of_namespace(database, namespace);
    let mut standing = Standing { failures, rests_until, ..Standing::default() };
    let line = LINE.share();
    for place in line.places.iter().filter(|it| it.database == database && it.load.namespace == namespace) {
        match (place.loader, place.load.kind) {
            (0, Kind::Refresh) => standing.waiting += 1,
            // The keys in line to be warmed are counted in their table.
            (0, Kind::Warm { .. } | Kind::List) => {}
            _ => standing.running += 1,
        }
    }
    standing
}
