//! Making room: a cache that is full keeps what is used.
//!
//! | module | what it owns |
//! |---|---|
//! | [`recency`] | shared memory: which keys were read lately |
//! | [`growth`], [`by_sql`] | what writes add, and those of plain SQL |
//! | [`pending`] | what the current transaction has added, until it commits |
//! | [`file`] | in which file the entries lie, and whether the gauges are of it |
//! | [`ghosts`] | shared memory: what has gone, to tell what more room would give |
//!
//! An eviction is the plain removal of a live entry, as the hand removes what is due: it touches no tombstone and no
//! lease, waits for nobody, and is no write to the fence (DESIGN.md, "Size"). Without shared memory nobody knows what
//! was read, and the oldest of a sample go.

mod by_sql;
pub mod file;
pub mod ghosts;
pub mod growth;
pub mod pending;
pub mod recency;

use cache_pg_rules::key::Key;

/// Somebody has asked for a key, and got a live entry or none.
pub fn record_read(key: Key, is_hit: bool) {
    if is_hit {
        recency::touch(key.as_str());
    } else {
        ghosts::missed(key);
    }
}

/// Reserves shared memory, where the library is being preloaded.
pub fn register_if_preloading() {
    if crate::pg::backend::is_preloading() {
        recency::register();
        ghosts::register();
    }
}
