//! Which ranges of pages the hand may pass over: those in which nothing is due.
//!
//! For each range of a table a bound in shared memory: the moment from which on it must be read. Owns these bounds and
//! the protocol between the sweeper of a database, who raises them, and the transactions that write there, who lower
//! them. Correctness never depends on it (P1), only how soon a row that is due goes. Must never be locked by a writer.
//!
//! 1. A sweeper that comes to a range raises its bound to a latest time (about a minute, [`ranges::at_latest`]),
//!    **then** takes a snapshot, reads the range under it, and lowers the bound to the earliest deadline that it has
//!    left there.
//! 2. A transaction remembers in which pages it has written what deadlines, and lowers their bounds at its commit,
//!    **after** others can see what it wrote. Then it says that something was written (`directory`), so that a turn
//!    follows.
//!
//! So no deadline is lost. A transaction that the snapshot sees is read. One that it does not see left the list of
//! running transactions after the snapshot was taken, so it lowers the bound after the sweeper has raised it. It need
//! not lower one that is low enough when it looks: had the sweeper raised it in between, its snapshot would see the
//! transaction. A range may be read in parts, each under a later snapshot: the argument holds for each part.
//!
//! Whatever is in doubt is read. The sweeper forgets all bounds of a table where it is another file (TRUNCATE, VACUUM
//! FULL: rows are elsewhere now); where it has outgrown the ranges, which double; where a step or a sweeper has failed
//! halfway, because then the rows that it removed are back; where somebody wrote or invalidated what cannot be told by
//! page (the executor, a tag, very many pages); and where the clock was set, by which the latest times are. A writer
//! who finds the old layout of the ranges became visible before the sweeper forgot, and is seen. What was rolled back
//! to a savepoint costs a visit too many. Plain SQL is told of by a trigger (`evict/by_sql.rs`). COMMIT PREPARED, and
//! whatever happened while the library was not there or that trigger was disabled, say nothing: that is what the latest
//! time is for. A restart begins with nothing known.
//!
//! Memory: [`MAPS`] maps of 4 KB, and 8 bytes for each database. Databases that have the extension get one each, first
//! come, first served; the others are read whole in every turn.

use super::directory::{self, CAPACITY, Directory};
use super::layout::Layout;
use crate::pg::transaction;
use cache_pg_rules::ranges::{Notes, RANGES, Scale, UNKNOWN};
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use pgrx::{PGRXSharedMemory, PgAtomic, pg_shmem_init};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

/// How many databases have a map.
const MAPS: usize = 64;

/// The bounds of a table. See [`Layout`] for which.
type Bounds = [AtomicI64; RANGES];

struct Shared {
    /// By slot of the directory.
    layouts: [AtomicU32; CAPACITY],
    /// By slot: whether something was written or invalidated that cannot be told by page.
    anywhere: [AtomicBool; CAPACITY],
    maps: [Bounds; MAPS],
}

// SAFETY: atomics, no pointers.
unsafe impl PGRXSharedMemory for Shared {}

static SHARED: PgAtomic<Shared> = unsafe {
    // SAFETY: the name is used once.
    PgAtomic::new(c"cache_pg ranges")
};

thread_local! {
    /// Where the current transaction has written.
    static NOTES: RefCell<Notes> = const { RefCell::new(Notes::new()) };
}

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    pg_shmem_init!(
        SHARED = Shared {
            layouts: [const { AtomicU32::new(0) }; CAPACITY],
            anywhere: [const { AtomicBool::new(false) }; CAPACITY],
            maps: [const { [const { AtomicI64::new(UNKNOWN) }; RANGES] }; MAPS],
        }
    );
}

/// The bounds and the scale that the word of a slot stands for.
fn bounds(word: u32) -> Option<(&'static Bounds, Scale)> {
    let [bits, map, ..] = word.to_le_bytes();
    Some((SHARED.get().maps.get(usize::from(map).checked_sub(1)?)?, Scale::from_bits(bits)))
}

/// The current transaction has written a row with this deadline into this page.
pub fn record(page: u32, deadline: i64) {
    if directory::attached() {
        NOTES.with_borrow_mut(|notes| notes.add(page, deadline));
        transaction::run_hooks_at_end();
    }
}

/// The current transaction has written, or made due, rows that it cannot tell by page.
pub fn record_anywhere() {
    if directory::attached() {
        NOTES.with_borrow_mut(Notes::add_anywhere);
        transaction::run_hooks_at_end();
    }
}

/// The current transaction has ended, and nothing of it is to be told.
pub fn drop_notes() {
    NOTES.with_borrow_mut(Notes::clear);
}

/// Lowers the bounds where the current transaction has written. Called when others can see it, before anything else
/// tells the sweeper that there is something to do.
pub fn lower_bounds(slot: usize) {
    let shared = SHARED.get();
    NOTES.with_borrow_mut(|notes| {
        if notes.is_anywhere() {
            if !shared.anywhere[slot].load(Ordering::Relaxed) {
                shared.anywhere[slot].store(true, Ordering::SeqCst);
            }
        } else if let Some((bounds, scale)) = bounds(shared.layouts[slot].load(Ordering::Relaxed)) {
            for (page, deadline) in notes.places() {
                // A page beyond the last range makes the sweeper forget all bounds when it comes.
                if let Some(range) = scale.range_of(page)
                    && deadline < bounds[range].load(Ordering::Relaxed)
                {
                    bounds[range].fetch_min(deadline, Ordering::SeqCst);
                }
            }
        }
    });
}

/// The ranges of a table as its sweeper uses them.
pub struct Ranges {
    bounds: &'static Bounds,
    scale: Scale,
}

impl Ranges {
    /// Those of the table of a slot's database, which lies in `file` and has `pages` pages; None where all maps are
    /// taken. `on_new_file` runs first where the table has left the file that the ranges were of.
    pub fn of(slot: usize, file: Oid, pages: u32, on_new_file: impl FnOnce()) -> Option<Self> {
        let known = directory::look(|directory| directory.slots[slot].layout)?;
        let fits = known.filter(|layout| layout.file == file && layout.scale.covers(pages));
        let layout = match fits {
            Some(layout) => layout,
            None => Self::lay_out(slot, file, pages, on_new_file)?,
        };
        bounds(layout.word()).map(|(bounds, scale)| Self { bounds, scale })
    }

    /// Whether the table of a slot's database lies in another file than when a turn last came by: what is counted is of
    /// the old one.
    pub fn are_of_another_file(slot: usize, file: Oid) -> bool {
        directory::look(|directory| directory.slots[slot].layout).flatten().is_some_and(|known| known.file != file)
    }

    fn lay_out(slot: usize, file: Oid, pages: u32, on_new_file: impl FnOnce()) -> Option<Layout> {
        if Self::are_of_another_file(slot, file) {
            on_new_file();
        }
        let layout = directory::change(|directory| {
            let map = directory.slots[slot].layout.map_or_else(|| free_map(directory), |layout| Some(layout.map))?;
            let layout = Layout { map, file, scale: Scale::for_pages(pages) };
            directory.slots[slot].layout = Some(layout);
            Some(layout)
        })??;
        SHARED.get().layouts[slot].store(layout.word(), Ordering::SeqCst);
        reset(slot);
        Some(layout)
    }

    /// Whether a range starts with this page.
    pub fn starts_at(&self, page: u32) -> bool {
        self.scale.starts_at(page)
    }

    /// The first page after the range of `page`.
    pub fn end_of(&self, page: u32) -> u32 {
        self.scale.end_of(page)
    }

    /// From when on the range of `page` must be read.
    pub fn bound(&self, page: u32) -> i64 {
        self.at(page).map_or(UNKNOWN, |bound| bound.load(Ordering::SeqCst))
    }

    /// Before the snapshot under which the range of `page` is read from its start.
    pub fn raise(&self, page: u32, latest: i64) {
        if let Some(bound) = self.at(page) {
            bound.store(latest, Ordering::SeqCst);
        }
    }

    /// After a part of the range was read, in which this is the earliest deadline.
    pub fn lower(&self, page: u32, deadline: i64) {
        if let Some(bound) = self.at(page) {
            bound.fetch_min(deadline, Ordering::SeqCst);
        }
    }

    fn at(&self, page: u32) -> Option<&'static AtomicI64> {
        self.scale.range_of(page).map(|range| &self.bounds[range])
    }
}

/// A map that no database has.
fn free_map(directory: &Directory) -> Option<u8> {
    let taken = directory.slots.iter().filter(|slot| slot.database != Oid::INVALID).filter_map(|slot| slot.layout);
    let taken = taken.fold(0_u64, |taken, layout| taken | 1 << layout.map);
    Some(taken.trailing_ones() as u8).filter(|&map| usize::from(map) < MAPS)
}

/// Forgets what is known about the table of a slot: its next turn reads everything.
pub fn reset(slot: usize) {
    if let Some((bounds, _)) = bounds(SHARED.get().layouts[slot].load(Ordering::SeqCst)) {
        for bound in bounds {
            bound.store(UNKNOWN, Ordering::SeqCst);
        }
    }
}

/// The next turn forgets everything that is known about the table of a slot.
pub fn doubt(slot: usize) {
    SHARED.get().anywhere[slot].store(true, Ordering::SeqCst);
}

/// At the beginning of a turn: forgets everything where something was written or invalidated that cannot be told by
/// page.
pub fn begin_turn(slot: usize) {
    if SHARED.get().anywhere[slot].swap(false, Ordering::SeqCst) {
        reset(slot);
    }
}
