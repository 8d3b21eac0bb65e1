//! Expiry and eviction: the launcher, the sweepers, and the CLOCK hand with which they walk the table.
//!
//! | module | what it owns |
//! |---|---|
//! | [`entries`] | the open table: its rows, and which of them are removed |
//! | [`hand`] | one step of the CLOCK hand: removing the due rows on some pages |
//! | [`after_step`] | recording a step, and the rest until the next; when a sweeper evicts, and when it vacuums |
//! | [`evictor`] | which live entries are evicted while room is needed |
//! | [`at_commit`] | eviction by writers at their commit, where the sweeper does not keep up or there is none |
//! | [`sampled`] | the same without shared memory, by a sample of pages |
//! | [`estimate`] | correcting the gauges by a sample |
//! | [`references`] | rows that a foreign key points at: they stay |
//! | [`walk`] | one step of a turn: skipping the ranges in which nothing is due |
//! | [`tags`] | keeping `cache_tags` small |
//! | [`vacuum`] | VACUUM, where autovacuum would come too late |
//! | [`launcher`] | one process: starts a sweeper where a visit is due |
//! | [`databases`] | the list of databases, for the launcher |
//! | [`starter`] | starting these and the loaders, for the launcher |
//! | [`sweeper`] | short-lived processes: the visits to one database |
//! | [`loaders`] | starting and ending the processes that compute values, for the launcher |
//! | [`hindrance`] | the sessions that these hold up |
//! | [`candidate`] | the row of a load, read again |
//! | [`computation`] | one load: whose rights it has, and what it runs |
//! | [`loader`] | short-lived processes: computing values of one database before anyone asks |
//! | [`process`] | what these processes need: signals, naps, transactions that may fail |
//!
//! The states of a database, and the events that change them:
//!
//! ```text
//! (new)    --launcher lists it, or CREATE EXTENSION commits--> Unknown
//! Unknown  --sweeper finds no extension----------------------> Absent    (until CREATE EXTENSION commits)
//! Unknown  --sweeper finds the extension---------------------> Present
//! Present  --sweeper finds it gone---------------------------> Absent
//! any      --launcher no longer lists it---------------------> (free)
//! ```
//!
//! Owns the removal of rows. Correctness must never depend on it: every read compares with the deadline itself (P1).
//! Without `shared_preload_libraries` there is no shared memory and no process, and `cache_sweep()` does the same work.

mod after_step;
mod at_commit;
mod candidate;
mod computation;
mod databases;
pub mod entries;
mod estimate;
mod evictor;
pub mod hand;
mod hindrance;
mod launcher;
mod loader;
mod loaders;
mod process;
pub mod references;
mod sampled;
mod starter;
mod sweeper;
pub mod tags;
mod vacuum;
mod walk;

pub use at_commit::at_end_of_transaction;

use pgrx::pg_sys;

/// Registers the launcher. Called by the postmaster while it loads libraries.
pub fn register() {
    // SAFETY: a flag that the postmaster sets before it loads libraries.
    if unsafe { !pg_sys::IsBinaryUpgrade } {
        launcher::register();
    }
}
