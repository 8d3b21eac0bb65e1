//! Expiry: the clock hand, the launcher and the sweepers.
//!
//! | module | what it owns |
//! |---|---|
//! | [`hand`] | one step of the hand: walk some pages, remove what is due, wait for nobody |
//! | [`executor`] | the same through the executor, where policies, triggers or rules have a say |
//! | [`directory`] | shared memory: which databases have the extension, where the hand stands in each |
//! | [`launcher`] | one process: starts a sweeper where a visit is due |
//! | [`sweeper`] | short-lived processes: the turns of the hand in one database |
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

pub mod directory;
pub mod executor;
pub mod hand;
mod launcher;
mod process;
mod sweeper;

use pgrx::pg_sys;

/// Reserves shared memory and registers the launcher, where the library is being preloaded.
pub fn register() {
    // SAFETY: flags that the postmaster sets before it loads libraries.
    let (preloading, upgrading) =
        unsafe { (pg_sys::process_shared_preload_libraries_in_progress, pg_sys::IsBinaryUpgrade) };
    if preloading {
        directory::register();
        if !upgrading {
            launcher::register();
        }
    }
}
