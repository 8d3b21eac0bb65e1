//! The rules of cache_pg that need no PostgreSQL.
//!
//! | module | the rule it holds |
//! |---|---|
//! | [`key`] | what a key is, and which namespace it belongs to |
//! | [`namespace`] | what a namespace is, and which keys belong to it |
//! | [`ttl`] | how long an entry may live, and how jitter spreads deadlines |
//! | [`pace`] | how fast the clock hand walks the table |
//! | [`backoff`] | how long to wait after failures |
//!
//! Nothing here reads a clock, draws a random number, allocates shared memory or logs: time and chance come in
//! as arguments, so every rule is tested without waiting and without luck.

pub mod backoff;
pub mod key;
pub mod namespace;
pub mod pace;
pub mod ttl;
