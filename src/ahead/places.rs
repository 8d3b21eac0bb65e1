//! The array of loads that wait for a process, in shared memory.
//!
//! Owns one array for the whole server, behind one lightweight lock. An entry is known by the hash of its key and its
//! page, so the array needs no keys: the process that takes a load reads the row again. Must never be locked while a
//! loader runs. A crash restart loses everything, and the sweepers find it again.

use super::load::{Kind, Load};
use crate::pg::Steady;
use cache_pg_rules::ahead::Timing;
use pgrx::pg_sys::Oid;
use pgrx::{PGRXSharedMemory, PgLwLock, pg_shmem_init};

/// How many loads wait at most, in all databases together. The sweeper finds the others again when there is room.
pub const CAPACITY: usize = 2048;
/// A place in the array.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// InvalidOid: the place is free.
    pub database: Oid,
    pub load: Load,
    pub queued_at: Steady,
    /// The process that loads it; 0: it waits.
    pub loader: i32,
    /// When that process has begun.
    pub began_at: Steady,
    /// The hash of the key that it loads, where the load has several.
    pub key: u64,
    /// Whether a process has given it back, because it runs the loaders of another role. A new process takes it first.
    pub is_given_back: bool,
}

pub(super) struct Line {
    pub places: [Place; CAPACITY],
}

// SAFETY: plain data, no pointers.
unsafe impl PGRXSharedMemory for Line {}

// SAFETY: the name is used once.
pub(super) static LINE: PgLwLock<Line> = unsafe { PgLwLock::new(c"cache_pg loads") };

const NO_TIMING: Timing = Timing { written_at: 0, expires_at: 0, load: 0, ahead: 0 };
pub(super) const FREE: Place = Place {
    database: Oid::INVALID,
    load: Load { kind: Kind::Refresh, key: 0, namespace: 0, page: 0, timing: NO_TIMING },
    queued_at: Steady::PAST,
    loader: 0,
    began_at: Steady::PAST,
    key: 0,
    is_given_back: false,
};

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    pg_shmem_init!(LINE = Line { places: [FREE; CAPACITY] });
}

/// A database is gone: forgets all that is known of it.
pub fn drop_database(database: Oid) {
    LINE.exclusive().places.iter_mut().filter(|place| place.database == database).for_each(|place| *place = FREE);
}
