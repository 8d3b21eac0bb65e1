//! Owns the servers of the contenders: how to find, start and identify them.
//!
//! Must never use a server that is already running, nor leave one running.

pub mod callgrind;
mod daemon;
pub mod memory;
pub mod postgres;

pub use daemon::Daemon;
pub use xtask::prerequisites::unpacked::LeftOut;
