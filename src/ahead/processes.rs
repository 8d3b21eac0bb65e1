//! The processes that load, in shared memory, so that the sweeper can wake those of its database.
//!
//! Owns this list. Must never start or end a process.

use crate::{pg::backend, settings};
use pgrx::pg_sys::Oid;
use pgrx::{PGRXSharedMemory, PgLwLock, pg_shmem_init};

const MOST: usize = settings::MOST_LOADERS as usize;

struct Processes {
    /// A process that loads, and its database; 0: none.
    all: [(i32, Oid); MOST],
    /// Whether the loads of some database wait for a process.
    others_wait: bool,
}

// SAFETY: plain data, no pointers.
unsafe impl PGRXSharedMemory for Processes {}

// SAFETY: the name is used once.
static ALL: PgLwLock<Processes> = unsafe { PgLwLock::new(c"cache_pg loaders") };

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    pg_shmem_init!(ALL = Processes { all: [(0, Oid::INVALID); MOST], others_wait: false });
}

/// This process loads from now on, for this database. False: there are as many as there may be.
pub fn enter() -> bool {
    let me = (backend::pid(), backend::database());
    ALL.exclusive().all.iter_mut().find(|(pid, _)| *pid == 0).map(|place| *place = me).is_some()
}

/// Those of a database.
pub fn of(database: Oid) -> Vec<i32> {
    ALL.share().all.iter().filter(|it| it.0 != 0 && it.1 == database).map(|&(pid, _)| pid).collect()
}

/// All of them with their databases, also those that have ended since the last [`forget_ended`].
pub fn all() -> Vec<(i32, Oid)> {
    ALL.share().all.iter().filter(|it| it.0 != 0).copied().collect()
}

/// How many there are.
pub fn count() -> usize {
    ALL.share().all.iter().filter(|it| it.0 != 0).count()
}

/// Whether the loads of some database wait for a process, so that one which has ended its load must make room.
pub fn others_wait() -> bool {
    ALL.share().others_wait
}

/// Sets [`others_wait`].
pub fn let_others_wait(others_wait: bool) {
    ALL.exclusive().others_wait = others_wait;
}

/// Forgets those that `is_alive` says are gone.
pub fn forget_ended(is_alive: impl Fn(i32) -> bool) {
    let pids: Vec<i32> = ALL.share().all.iter().map(|it| it.0).filter(|&pid| pid != 0).collect();
    let gone: Vec<i32> = pids.into_iter().filter(|&pid| !is_alive(pid)).collect();
    if !gone.is_empty() {
        ALL.exclusive().all.iter_mut().filter(|it| gone.contains(&it.0)).for_each(|place| place.0 = 0);
    }
}
