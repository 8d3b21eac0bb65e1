//! Shared memory: which databases have the extension, and where the hand stands in each.
//!
//! One array of slots behind one lightweight lock, held for a look or an assignment, never across anything that can
//! raise. A slot belongs to its database for as long as the database exists; so a backend may remember the number of
//! its slot. Everything is lost in a crash restart and found again by looking.

use super::layout::Layout;
use crate::pg::backend;
use crate::pg::clock::Steady;
use cache_pg_rules::pace::Found;
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use pgrx::{PGRXSharedMemory, PgLwLock, pg_shmem_init};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The most databases of one server that are swept. More are left to `cache_sweep()`.
pub const CAPACITY: usize = 1024;

/// What is known about the extension in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Unknown,
    Present,
    Absent,
}

/// One database.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    /// Which; InvalidOid: the slot is free.
    pub database: Oid,
    /// Whether it lets anybody connect.
    pub connectable: bool,
    pub presence: Presence,
    /// The process that sweeps it now, or 0.
    pub sweeper: i32,
    /// No visit before this moment.
    pub visit_at: Steady,
    /// Where nothing has been written: no visit before this moment.
    pub quiet_until: Steady,
    /// Failures in a row, with the visit that has just begun.
    pub failures: u32,
    /// When a sweeper was started that has not been here yet; [`Steady::PAST`]: none was.
    pub started_at: Steady,
    /// How often CREATE EXTENSION has committed here: what a sweeper found out before the last time is out of date.
    pub announced: u32,
    /// How many rows the hand has removed since the table was vacuumed.
    pub removed: u64,
    /// No vacuum before this moment.
    pub vacuum_at: Steady,
    /// No round over the tags before this moment.
    pub collect_at: Steady,
    /// The hand.
    pub turn: Turn,
    /// The ranges of the table, where they are known.
    pub layout: Option<Layout>,
}

/// A turn of the hand round the table, as far as it has got.
#[derive(Debug, Clone, Copy, Default)]
pub struct Turn {
    /// The next page; 0: a turn begins.
    pub page: u32,
    /// How many pages the table had at the last step.
    pub pages: u32,
    /// How many pages it has read.
    pub read: u32,
    /// How many pages it has passed over, because nothing could be due there.
    pub skipped: u32,
    /// How long the turn should last; zero: not known yet.
    pub length: Duration,
    /// What it has come across.
    pub found: Found,
    /// The earliest deadline of what it has left.
    pub next_due: Option<i64>,
    /// Whether it passes nothing over, so that it can say how many entries there are.
    pub whole: bool,
}

const FREE: Slot = Slot {
    database: Oid::INVALID,
    connectable: true,
    presence: Presence::Unknown,
    sweeper: 0,
    visit_at: Steady::PAST,
    quiet_until: Steady::PAST,
    failures: 0,
    started_at: Steady::PAST,
    announced: 0,
    removed: 0,
    vacuum_at: Steady::PAST,
    collect_at: Steady::PAST,
    turn: Turn {
        page: 0,
        pages: 0,
        read: 0,
        skipped: 0,
        length: Duration::ZERO,
        found: Found { rows: 0, due: 0 },
        next_due: None,
        whole: false,
    },
    layout: None,
};

/// What the processes share.
pub struct Directory {
    /// The launcher's process, or 0.
    pub launcher: i32,
    /// How many databases wait for a sweeper because too many are at work.
    pub waiting: u32,
    pub slots: [Slot; CAPACITY],
}

// SAFETY: plain data, no pointers.
unsafe impl PGRXSharedMemory for Directory {}

static DIRECTORY: PgLwLock<Directory> = unsafe {
    // SAFETY: the name is used once.
    PgLwLock::new(c"cache_pg directory")
};
/// Set in the postmaster and inherited: whether the shared memory is there.
static ATTACHED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The slot of this backend's database, once it is known.
    static MINE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    // All processes count from the same moment.
    Steady::now();
    pg_shmem_init!(DIRECTORY = Directory { launcher: 0, waiting: 0, slots: [FREE; CAPACITY] });
    ATTACHED.store(true, Ordering::Relaxed);
}

/// Whether the library was preloaded, so that there is a directory at all.
pub fn attached() -> bool {
    ATTACHED.load(Ordering::Relaxed)
}

/// Looks at the directory. `look` must not raise. None where there is no directory.
pub fn look<R>(look: impl FnOnce(&Directory) -> R) -> Option<R> {
    attached().then(|| look(&DIRECTORY.share()))
}

/// Changes the directory. `change` must not raise. None where there is no directory.
pub fn change<R>(change: impl FnOnce(&mut Directory) -> R) -> Option<R> {
    attached().then(|| change(&mut DIRECTORY.exclusive()))
}

impl Directory {
    /// The slot of a database.
    pub fn find(&self, database: Oid) -> Option<usize> {
        self.slots.iter().position(|slot| slot.database == database)
    }

    /// The slot of a database, a free one where it has none yet; None where all are taken.
    pub fn enter(&mut self, database: Oid) -> Option<usize> {
        self.find(database).or_else(|| {
            let free = self.find(Oid::INVALID)?;
            self.slots[free] = Slot { database, ..FREE };
            Some(free)
        })
    }
}

/// The slot of this backend's database; None where it has none yet.
pub fn mine() -> Option<usize> {
    if attached() && MINE.get().is_none() {
        let database = backend::database();
        MINE.set(look(|directory| directory.find(database)).flatten());
    }
    MINE.get()
}

/// Makes the launcher look at this database now: the extension has just been created here.
pub fn announce() {
    let database = backend::database();
    let launcher = change(|directory| {
        if let Some(slot) = directory.enter(database) {
            let slot = &mut directory.slots[slot];
            let Slot { sweeper, announced, layout, .. } = *slot;
            *slot = Slot { database, sweeper, announced: announced.wrapping_add(1), layout, ..FREE };
        }
        directory.launcher
    });
    wake(launcher.unwrap_or(0));
}

/// Wakes a process that naps, if it is still there.
pub fn wake(pid: i32) {
    if pid != 0 {
        // SAFETY: the process array is searched under its lock; latches live in shared memory for ever.
        unsafe {
            let process = pg_sys::BackendPidGetProc(pid);
            if !process.is_null() {
                pg_sys::SetLatch(&raw mut (*process).procLatch);
            }
        }
    }
}

/// Whether a process is still there.
pub fn alive(pid: i32) -> bool {
    // SAFETY: as above.
    pid != 0 && !unsafe { pg_sys::BackendPidGetProc(pid) }.is_null()
}
