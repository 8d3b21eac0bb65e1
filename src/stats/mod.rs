//! The counters, gauges and latencies of the cache.
//!
//! | module | what it owns |
//! |---|---|
//! | [`counter`], [`histogram`] | the words that hold what was done, and how long it took |
//! | [`row_counts`] | the words that hold how much there is |
//! | [`sweeper`] | the words that hold what the sweeper has done |
//! | [`verdicts`] | the words that hold the verdicts on the entries that the eviction has met |
//! | [`database`], [`slots`] | where these stand: in an array of databases, and in a hash table of namespaces |
//! | [`lookup`] | how a backend finds those of a namespace |
//! | [`record`], [`latency`], [`turns`] | counting: what the functions do, how long they take, what the sweeper does |
//! | [`rows`], [`readings`] | reading: for `cache_stats`, and for health and advice |
//! | [`file`] | keeping all of it across a clean restart |
//!
//! Owns all figures, as words in shared memory. Each module knows only those above it. Counters only grow, each on its
//! own: a reader gets no snapshot of them all. They are not transactional: work that is rolled back counts too, because
//! it was done. Without `shared_preload_libraries` nothing is counted. Must never lock, wait or raise while an
//! operation is counted.

mod counter;
mod database;
mod file;
mod histogram;
pub mod latency;
mod lookup;
pub mod readings;
mod record;
mod row_counts;
pub mod rows;
mod slots;
mod sweeper;
pub mod turns;
mod verdicts;

pub use counter::Counter;
pub use database::{DatabaseStats, MAX_DATABASES, NamespaceStats, attached};
pub use histogram::Operation;
pub use latency::{observe, untimed};
pub use lookup::StatsOfRows;
pub use record::{
    LONGEST, bounded, count, count_cleared, count_error, count_fetched, count_filled, count_invalidated_tags,
    count_loaded, count_read, count_reads, count_written, counting_load,
};
pub use row_counts::footprint;
pub use slots::{drop_database, tick};

/// Reserves shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    crate::shared::array::reserve(&database::DATABASES);
    slots::register();
    file::register();
    crate::namespaces::report_to(lookup::mark_configured);
}
