//! Shared memory: which databases have the extension, and how far the sweeper of each has got.
//!
//! Owns one array of slots behind one lightweight lock. The lock is held for a read or an assignment. Must never be
//! held across code that can raise. A slot belongs to its database as long as the database exists, so a backend may
//! keep the number of its slot. A crash restart loses everything, and the launcher finds it again by looking.

use crate::pg::{Steady, backend};
use cache_pg_rules::{pace::Found, ranges::Scale};
use pgrx::pg_sys::{self, Oid};
use pgrx::{PGRXSharedMemory, PgLwLock, pg_shmem_init};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{cell::Cell, time::Duration};

/// The largest number of databases of one server that sweepers visit. The others are left to `cache_sweep()`.
pub const CAPACITY: usize = 1024;

/// Whether a database has the extension, as far as the launcher knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Unknown,
    Present,
    Absent,
}

/// One database.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    /// The database. InvalidOid: the slot is free.
    pub database: Oid,
    /// Whether the database accepts connections.
    pub connectable: bool,
    pub presence: Presence,
    /// The process ID of the sweeper at work there, or 0.
    pub sweeper: i32,
    /// The sweeper does not visit before this moment.
    pub visit_at: Steady,
    /// While nothing is written there, the sweeper does not visit before this moment.
    pub quiet_until: Steady,
    /// Nor does it for a refresh before this moment.
    pub not_before: Steady,
    /// Failures in a row, counting a visit that has begun and not ended.
    pub failures: u32,
    /// When the launcher started a sweeper that has not arrived yet. [`Steady::PAST`]: it started none.
    pub started_at: Steady,
    /// How often CREATE EXTENSION has committed here. A sweeper discards its findings from before the last time.
    pub announced: u32,
    /// How many rows the sweeper has removed since it vacuumed the table.
    pub removed: u64,
    /// The sweeper does not vacuum before this moment.
    pub vacuum_at: Steady,
    /// The sweeper does not collect tags before this moment.
    pub collect_at: Steady,
    /// The present turn of the sweeper.
    pub turn: Turn,
    /// The ranges of the table, if they are known.
    pub layout: Option<Layout>,
}

/// One turn of the sweeper round the table, as far as it has got.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// The next page. 0: a turn begins.
    pub page: u32,
    /// How many pages the table had at the last step.
    pub pages: u32,
    /// How many pages it has read.
    pub read: u32,
    /// How many pages it has skipped because nothing could be due there.
    pub skipped: u32,
    /// When it began.
    pub began_at: Steady,
    /// How long the turn should last. Zero: not known yet.
    pub length: Duration,
    /// The rows that it has found.
    pub found: Found,
    /// The earliest deadline among the rows that it has left.
    pub next_due: Option<i64>,
    /// Whether it skips nothing, so that it can count the entries.
    pub whole: bool,
}

/// The ranges of a table: which map has their bounds, and how large they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub(super) map: u8,
    /// The file that the rows are in.
    pub(super) file: Oid,
    pub(super) scale: Scale,
}

impl Layout {
    /// Map and scale in one word for writers. The word 0 means that there is none.
    pub(super) fn word(self) -> u32 {
        (u32::from(self.map) + 1) << 8 | u32::from(self.scale.bits())
    }
}

impl Default for Turn {
    fn default() -> Self {
        FREE.turn
    }
}

const FREE: Slot = Slot {
    database: Oid::INVALID,
    connectable: true,
    presence: Presence::Unknown,
    sweeper: 0,
    visit_at: Steady::PAST,
    quiet_until: Steady::PAST,
    not_before: Steady::PAST,
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
        began_at: Steady::PAST,
        length: Duration::ZERO,
        found: Found { rows: 0, due: 0 },
        next_due: None,
        whole: false,
    },
    layout: None,
};

/// The state that the processes share.
pub struct Directory {
    /// The launcher's process, or 0.
    pub launcher: i32,
    /// How many databases wait for a sweeper because too many sweepers are at work.
    pub waiting: u32,
    pub slots: [Slot; CAPACITY],
}

// SAFETY: plain data, no pointers.
unsafe impl PGRXSharedMemory for Directory {}

// SAFETY: the name is used once.
static DIRECTORY: PgLwLock<Directory> = unsafe { PgLwLock::new(c"cache_pg directory") };
/// Whether the shared memory exists. Set in the postmaster and inherited.
static ATTACHED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The slot of this backend's database, once it is known.
    static MINE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    // All processes measure from the same moment.
    Steady::now();
    pg_shmem_init!(DIRECTORY = Directory { launcher: 0, waiting: 0, slots: [FREE; CAPACITY] });
    ATTACHED.store(true, Ordering::Relaxed);
}

/// Whether the library was preloaded, so that there is a directory at all.
pub fn attached() -> bool {
    ATTACHED.load(Ordering::Relaxed)
}

/// Calls `look` with the directory. `look` must not raise. None if there is no directory.
pub fn look<R>(look: impl FnOnce(&Directory) -> R) -> Option<R> {
    attached().then(|| look(&DIRECTORY.share()))
}

/// Calls `change` with the directory. `change` must not raise. None if there is no directory.
pub fn change<R>(change: impl FnOnce(&mut Directory) -> R) -> Option<R> {
    attached().then(|| change(&mut DIRECTORY.exclusive()))
}

impl Directory {
    /// The slot of a database.
    pub fn find(&self, database: Oid) -> Option<usize> {
        self.slots.iter().position(|slot| slot.database == database)
    }

    /// The slot of a database. Takes a free one if the database has none yet. None if all are taken.
    pub fn enter(&mut self, database: Oid) -> Option<usize> {
        self.find(database).or_else(|| {
            let free = self.find(Oid::INVALID)?;
            self.slots[free] = Slot { database, ..FREE };
            Some(free)
        })
    }
}

/// The slot of this backend's database. None if it has none yet.
pub fn mine() -> Option<usize> {
    if attached() && MINE.get().is_none() {
        let database = backend::database();
        MINE.set(look(|directory| directory.find(database)).flatten());
    }
    MINE.get()
}

/// Makes the launcher look at this database now, because the extension has just been created here.
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

/// Sets the latch of a process, if it still exists.
pub fn wake(pid: i32) {
    if pid != 0 {
        // SAFETY: the process array is searched under its lock; latches stay in shared memory for ever.
        unsafe {
            let process = pg_sys::BackendPidGetProc(pid);
            if !process.is_null() {
                pg_sys::SetLatch(&raw mut (*process).procLatch);
            }
        }
    }
}

/// Whether a process still exists.
pub fn alive(pid: i32) -> bool {
    // SAFETY: as above.
    pid != 0 && !unsafe { pg_sys::BackendPidGetProc(pid) }.is_null()
}
