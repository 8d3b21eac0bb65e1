//! Owns private PostgreSQL servers for tests, benchmarks and the demo.
//!
//! Must never touch a server that it did not start.

mod builder;
mod client;
mod control;
mod crash;
mod leftovers;
mod server;
mod settings;
mod standby;
mod template;
mod wait;
mod watchdog;

pub use builder::{Builder, LIFETIME_IN_TESTS};
pub use control::StopMode;
pub use leftovers::remove as remove_leftovers;
pub use server::Cluster;
pub use wait::{poll, wait_for};
