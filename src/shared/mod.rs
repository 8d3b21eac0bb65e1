//! Shared memory: the state that all processes of the server share.
//!
//! Owns the state that is not in a table. Must never hold the only copy of a fact that must survive a crash.

pub mod array;
pub mod directory;
pub mod flags;
pub mod kept;
pub mod ranges;
pub mod refreshes;
pub mod secret;
pub mod server_run;

pub use directory::{Presence, Slot, Turn};

/// Reserves the shared memory of these modules. Called by the postmaster while it loads libraries.
pub fn register() {
    directory::register();
    flags::register();
    ranges::register();
    refreshes::register();
    server_run::register();
    secret::register();
}
