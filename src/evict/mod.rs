//! Eviction: the accounts and the memory that decide which entries a full cache keeps.
//!
//! | module | what it owns |
//! |---|---|
//! | [`recency`] | shared memory: which keys were read lately |
//! | [`position`] | how far eviction has come: the credit of a read, and the page on which it goes on |
//! | [`recency_file`], [`saver`] | the file that keeps both while the server is down, and when it is written |
//! | [`growth`], [`by_sql`] | how much a write adds; the same for plain SQL |
//! | [`pending`] | what the current transaction has added, until it commits |
//! | [`file`] | the file in which the entries lie, and whether the gauges belong to it |
//! | [`ghosts`] | shared memory: which keys were evicted, which tells what more room would give |
//!
//! Owns what is known of use and size; `sweep` removes. An eviction removes a live entry as the sweeper removes a due
//! row: it takes no tombstone and no row under a lease, does not wait, and for the fence it is no write (DESIGN.md,
//! "Size"). Without shared memory nothing is known of reads, and the oldest entries of a sample are evicted. Must never
//! remove a row.

mod by_sql;
pub mod file;
pub mod ghosts;
pub mod growth;
pub mod pending;
mod position;
pub mod recency;
mod recency_file;
mod saver;

pub use growth::Growth;
pub use saver::Saver;

use crate::shared::{array, kept};
use cache_pg_rules::key::Key;

/// Prefetches what [`record_read`] will read.
pub fn prefetch(key: Key) {
    recency::prefetch(key.as_str());
}

/// Records a read of a key and whether it found a live entry.
pub fn record_read(key: Key, is_hit: bool) {
    if is_hit { recency::touch(key.as_str()) } else { ghosts::missed(key) }
}

/// Reserves shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    array::reserve(&recency::BYTES);
    array::reserve(&position::SAVED);
    array::reserve(&ghosts::GHOST_SLOTS);
    kept::register(&recency_file::FILE);
}
