//! Which ranges of pages the sweeper may skip: those in which nothing is due.
//!
//! Each range of a table has a bound in shared memory: the moment from which on the range must be read. Owns these
//! bounds and their protocol: the sweeper of a database raises them, and the transactions that write there lower them.
//! Correctness never depends on the bounds (P1). They only decide how soon a row that is due is removed. Must never
//! make a writer take a lock.
//!
//! 1. A sweeper that comes to a range raises its bound to a latest time (about a minute, `rules::ranges::at_latest`),
//!    **then** takes a snapshot, reads the range under it, and lowers the bound to the earliest deadline among the rows
//!    that it has left there.
//! 2. A transaction notes the pages that it writes and their deadlines. At its commit, **after** other sessions can see
//!    its rows, it lowers the bounds of these pages. Then it sets the flag `written` (`flags`), so that a turn follows.
//!
//! So no deadline is lost. If the sweeper's snapshot sees a transaction, the sweeper reads its rows. If it does not,
//! the transaction left the list of running transactions after the snapshot was taken, so it lowers the bound after the
//! sweeper has raised it. A transaction need not lower a bound that is low enough when it looks: had the sweeper raised
//! it just before that, the sweeper's snapshot would see the transaction. A range may be read in parts, each under a
//! later snapshot: the argument holds for each part.
//!
//! The sweeper reads a range whenever it is in doubt. It resets all bounds of a table if
//!
//! - the table lies in another file (TRUNCATE, VACUUM FULL), because its rows are elsewhere;
//! - the table has outgrown the ranges, which double then;
//! - a step or a sweeper has failed halfway, because the rows that it removed are back;
//! - a transaction has written or invalidated rows that it cannot tell by page: through the executor, by a tag, or in
//!   very many pages;
//! - the clock was set, because the latest times depend on it.
//!
//! A writer that finds the old layout of the ranges became visible before the reset, so the sweeper sees its rows.
//! Writes that are rolled back to a savepoint cost one needless visit. A trigger reports plain SQL (`evict/by_sql.rs`).
//! COMMIT PREPARED reports nothing, and neither does any write while the library was not loaded or that trigger was
//! disabled: the latest time covers these. After a restart nothing is known.
//!
//! Memory: [`MAPS`] maps of 4 KB, and 8 bytes for each database. The first databases that have the extension get one
//! map each. The others are read whole in every turn.

use super::directory::{self, CAPACITY, Directory, Layout};
use crate::pg::transaction;
use cache_pg_rules::ranges::{Notes, RANGES, Scale, UNKNOWN};
use pgrx::pg_sys::Oid;
use pgrx::{PGRXSharedMemory, PgAtomic, pg_shmem_init};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

/// The number of maps. Each belongs to one database.
pub(super) const MAPS: usize = 64;

/// The bounds of a table. [`Layout`] says which map holds them.
type Bounds = [AtomicI64; RANGES];

struct Shared {
    /// By slot of the directory.
    layouts: [AtomicU32; CAPACITY],
    /// By slot: whether rows were written or invalidated that cannot be told by page.
    anywhere: [AtomicBool; CAPACITY],
    maps: [Bounds; MAPS],
}

// SAFETY: atomics, no pointers.
unsafe impl PGRXSharedMemory for Shared {}

// SAFETY: the name is used once.
static SHARED: PgAtomic<Shared> = unsafe { PgAtomic::new(c"cache_pg ranges") };

thread_local! {
    /// The pages that the current transaction has written.
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

/// The bounds and the scale that a word of `layouts` stands for.
fn bounds(word: u32) -> Option<(&'static Bounds, Scale)> {
    let [bits, map, ..] = word.to_le_bytes();
    Some((SHARED.get().maps.get(usize::from(map).checked_sub(1)?)?, Scale::from_bits(bits)))
}

/// The map and the range of a page of the table of a slot's database. None: the table has no ranges.
pub(super) fn place_of(slot: usize, page: u32) -> Option<(usize, usize)> {
    let [bits, map, ..] = SHARED.get().layouts[slot].load(Ordering::Relaxed).to_le_bytes();
    Some((usize::from(map).checked_sub(1)?, Scale::from_bits(bits).range_of(page)?))
}

/// Notes that the current transaction has written a row with this deadline into this page.
pub fn record(page: u32, deadline: i64) {
    if directory::attached() {
        NOTES.with_borrow_mut(|notes| notes.add(page, deadline));
        transaction::run_hooks_at_end();
    }
}

/// Notes that the current transaction has written rows, or made rows due, that it cannot tell by page.
pub fn record_anywhere() {
    if directory::attached() {
        NOTES.with_borrow_mut(Notes::add_anywhere);
        transaction::run_hooks_at_end();
    }
}

/// Discards the notes at the end of the current transaction.
pub fn drop_notes() {
    NOTES.with_borrow_mut(Notes::clear);
}

/// Lowers the bounds of the pages that the current transaction has written. Called when other sessions can see its
/// rows, and before the flag `written` is set.
pub fn lower_bounds(slot: usize) {
    let shared = SHARED.get();
    NOTES.with_borrow_mut(|notes| {
        if notes.is_anywhere() {
            if !shared.anywhere[slot].load(Ordering::Relaxed) {
                shared.anywhere[slot].store(true, Ordering::SeqCst);
            }
        } else if let Some((bounds, scale)) = bounds(shared.layouts[slot].load(Ordering::Relaxed)) {
            for (page, deadline) in notes.places() {
                // The sweeper resets all bounds when it comes to a page beyond the last range.
                if let Some(range) = scale.range_of(page)
                    && deadline < bounds[range].load(Ordering::Relaxed)
                {
                    bounds[range].fetch_min(deadline, Ordering::SeqCst);
                }
            }
        }
    });
}

/// The ranges of a table, for its sweeper.
pub struct Ranges {
    bounds: &'static Bounds,
    scale: Scale,
}

impl Ranges {
    /// The ranges of the table of a slot's database, which lies in `file` and has `pages` pages. None if all maps are
    /// taken. `on_new_file` runs first if the ranges were those of another file.
    pub fn of(slot: usize, file: Oid, pages: u32, on_new_file: impl FnOnce()) -> Option<Self> {
        let known = directory::look(|directory| directory.slots[slot].layout)?;
        let fits = known.filter(|layout| layout.file == file && layout.scale.covers(pages));
        let layout = match fits {
            Some(layout) => layout,
            None => Self::lay_out(slot, file, pages, on_new_file)?,
        };
        bounds(layout.word()).map(|(bounds, scale)| Self { bounds, scale })
    }

    /// Whether the table of a slot's database lies in another file than at the last turn. Then its counts are those of
    /// the old file.
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

    /// The moment from which on the range of `page` must be read.
    pub fn bound(&self, page: u32) -> i64 {
        self.at(page).map_or(UNKNOWN, |bound| bound.load(Ordering::SeqCst))
    }

    /// Raises the bound of the range of `page`. Called before the snapshot that reads the range from its start.
    pub fn raise(&self, page: u32, latest: i64) {
        if let Some(bound) = self.at(page) {
            bound.store(latest, Ordering::SeqCst);
        }
    }

    /// Lowers the bound of the range of `page`. Called after a part of it was read, with its earliest deadline.
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

/// Resets the bounds of the table of a slot: its next turn reads everything.
pub fn reset(slot: usize) {
    if let Some((bounds, _)) = bounds(SHARED.get().layouts[slot].load(Ordering::SeqCst)) {
        for bound in bounds {
            bound.store(UNKNOWN, Ordering::SeqCst);
        }
    }
}

/// Makes the next turn reset the bounds of the table of a slot.
pub fn doubt(slot: usize) {
    SHARED.get().anywhere[slot].store(true, Ordering::SeqCst);
}

/// Begins a turn: resets the bounds if rows were written or invalidated that cannot be told by page.
pub fn begin_turn(slot: usize) {
    if SHARED.get().anywhere[slot].swap(false, Ordering::SeqCst) {
        reset(slot);
    }
}
