//! The servers that are compared: how they are found, started, and asked for their processes.
//!
//! Must never use a server that is already running, nor leave one running.

pub mod callgrind;
mod daemon;
pub mod memcached;
pub mod postgres;
pub mod redis;

pub use xtask::prerequisites::unpacked::LeftOut;
