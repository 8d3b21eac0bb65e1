//! Expiry: the clock hand, the launcher and the sweepers.
//!
//! | module | what it owns |
//! |---|---|
//! | [`entries`] | the table, open: its rows one after the other, and which of them go |
//! | [`hand`] | one step over some pages: remove what is due, wait for nobody |
//! | [`after_step`] | what follows from a step |
//! | [`evictor`] | which live entries go while room is needed |
//! | [`at_commit`] | writers that make room themselves, where the sweeper does not keep up or there is none |
//! | [`sampled`], [`sample`] | the same without shared memory; single pages of the table |
//! | [`estimate`] | setting the gauges right by a sample |
//! | [`references`] | rows that a foreign key points at: they stay |
//! | [`walk`] | one step of a turn: past the ranges where nothing is due, through the others |
//! | [`tags`] | keeping the table of tags small |
//! | [`vacuum`] | giving room back, where autovacuum would come too late |
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

mod after_step;
mod at_commit;
pub mod entries;
mod estimate;
mod evictor;
pub mod hand;
mod launcher;
mod process;
pub mod references;
mod room;
mod sample;
mod sampled;
mod sweeper;
pub mod tags;
mod vacuum;
mod walk;

pub use at_commit::at_end_of_transaction;

use pgrx::pg_sys;

/// Registers the launcher, where the library is being preloaded.
pub fn register_if_preloading() {
    // SAFETY: a flag that the postmaster sets before it loads libraries.
    let upgrading = unsafe { pg_sys::IsBinaryUpgrade };
    if crate::pg::backend::is_preloading() && !upgrading {
        launcher::register();
    }
}
