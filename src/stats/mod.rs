//! What the cache does, counted.
//!
//! | module | what it owns |
//! |---|---|
//! | [`counter`] | what is counted, and how: without a lock, in shared memory |
//! | [`memory`], [`tally`], [`place`] | where: an area for each database, a tally for each namespace |
//! | [`gauge`] | how much there is, by what is committed |
//! | [`latency`] | how long each kind of operation takes, and the log of slow ones |
//! | [`census`] | how many entries there are, as the hand has come across them |
//! | [`sweeps`] | what the hand has done |
//! | [`rows`] | the rows of `cache_stats` |
//! | [`readings`] | what health and advice are judged by |
//! | [`file`] | keeping all of it across a clean restart |
//!
//! Counters only grow, each on its own: what is read is no snapshot of them all. They are not transactional: what is
//! rolled back counts, because it was done, and cost what it cost. Without `shared_preload_libraries` nothing is
//! counted. Must never lock, wait or raise on the way of an operation.

pub mod census;
pub mod counter;
mod file;
pub mod gauge;
pub mod latency;
pub mod memory;
mod place;
pub mod readings;
pub mod rows;
pub mod sweeps;
pub mod tally;

pub use counter::{
    Counter, LONGEST, bounded, count, count_deleted, count_error, count_filled, count_loaded, count_tags,
    count_written, read, read_stale,
};
pub use latency::{Operation, apart, observe};
pub use place::tick;

/// Reserves shared memory, where the library is being preloaded.
pub fn register_if_preloading() {
    if crate::pg::backend::is_preloading() {
        memory::register();
        file::register();
    }
}
