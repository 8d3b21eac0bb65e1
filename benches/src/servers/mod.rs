//! Owns the servers of the contenders: how to find, start and identify them.
//!
//! Must never use a server that is already running, nor leave one running.

pub mod callgrind;
mod daemon;
pub mod memcached;
pub mod postgres;
pub mod redis;

pub use xtask::prerequisites::unpacked::LeftOut;
