//! Expiry: the clock hand, the launcher and the sweepers.
//!
//! | module | what it owns |
//! |---|---|
//! | [`hand`] | walking some pages: remove what is due, wait for nobody |
//! | [`step`], [`account`] | what a step has done, and what follows from it |
//! | [`sample`] | single pages: how a cache is kept bounded where nothing is known of it |
//! | [`references`] | rows that a foreign key points at: they stay |
//! | [`walk`] | one step of a turn: past the ranges where nothing is due, through the others |
//! | [`ranges`] | shared memory: when each range of a table must be read |
//! | [`tags`] | keeping the table of tags small |
//! | [`vacuum`] | giving room back, where autovacuum would come too late |
//! | [`directory`] | shared memory: which databases have the extension, where the hand stands in each |
//! | [`flags`] | shared memory: what backends tell the worker |
//! | [`launcher`] | one process: starts a sweeper where a visit is due |
//! | [`sweeper`] | short-lived processes: the turns of the hand in one database |
//! | [`room`] | evicting, and vacuuming |
//! | [`process`] | what both processes need: signals, naps, transactions that may fail |
//!
//! The states of a database, and who moves it from one to the next:
//!
//! ```text
//! (new)    --launcher lists it, or CREATE EXTENSION commits--> Unknown
//! Unknown  --sweeper finds no extension----------------------> Absent    (until CREATE EXTENSION commits)
//! Unknown  --sweeper finds the extension---------------------> Present
//! Present  --sweeper finds it gone---------------------------> Absent
//! any      --launcher no longer lists it---------------------> (free)
//! ```
//!
//! Correctness never depends on any of this: reads test the deadline themselves (P1). Without
//! `shared_preload_libraries` there is no shared memory and no process, and `cache_sweep()` does the same work.

mod account;
pub mod directory;
pub mod flags;
pub mod hand;
mod launcher;
mod process;
pub mod ranges;
pub mod references;
mod room;
pub mod sample;
pub mod step;
mod sweeper;
pub mod tags;
mod vacuum;
mod walk;

use pgrx::pg_sys;

/// Reserves shared memory and registers the launcher, where the library is being preloaded.
pub fn register_if_preloading() {
    // SAFETY: a flag that the postmaster sets before it loads libraries.
    let upgrading = unsafe { pg_sys::IsBinaryUpgrade };
    if crate::shared_memory::is_preloading() {
        directory::register();
        flags::register();
        ranges::register();
        if !upgrading {
            launcher::register();
        }
    }
}
