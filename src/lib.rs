//! cache_pg: a cache inside PostgreSQL.
//!
//! Owns the list of the modules, and the order in which they start. Must never do the work of a module. Each module may
//! use only those below it in this table; the lint refuses any other import.
//!
//! | module | what it owns |
//! |---|---|
//! | [`api`] | the SQL functions: their arguments and results, nothing else |
//! | [`sweep`] | removing rows that are due and making room: the launcher, the sweepers, writers at their commit |
//! | [`watch`] | watched tables: changes of their rows delete keys and invalidate tags |
//! | [`replication`] | rows that a subscription applies to the tables of the cache |
//! | [`persistence`] | whether the tables of the cache are logged |
//! | [`store`] | looking up, writing and deleting entries, as a plain Rust interface |
//! | [`ahead`] | which values are computed before anyone asks, and in which order |
//! | [`evict`] | the accounts of entries: how many there are, which were read lately, which were evicted |
//! | [`wake`] | waiting for a value that another session computes |
//! | [`patience`] | how long a caller waits |
//! | [`stats`] | counters, gauges and latencies |
//! | [`near`] | the messages to near caches |
//! | [`durability`] | commits that do not wait for the disk |
//! | [`access`] | privileges, and the role that a statement runs as |
//! | [`configuring`] | the rights of the functions that configure |
//! | [`namespaces`] | the options of namespaces, and the deadlines that they give to entries |
//! | [`loader`] | running the code that computes a value |
//! | [`entry`] | what the columns of a row of `cache_entries` mean |
//! | [`catalog`] | the extension's tables in this database |
//! | [`heap`] | tables below the executor |
//! | [`statement`] | kept plans: every SQL statement of the extension runs through it |
//! | [`settings`] | the settings `cache_pg.*` |
//! | [`shared`] | shared memory: the state that all processes of the server share |
//! | [`pg`] | the wrappers around PostgreSQL and pgrx that the rest uses |
//! | [`error`] | every error, with its SQLSTATE, detail and hint |
//!
//! The rules that need no PostgreSQL (keys, deadlines, pacing) are the crate `cache_pg_rules`. The SQL of the schema is
//! in `sql/*.sql`, the statements that the functions run are in `sql/statements/*.sql`. DESIGN.md says why.

mod access;
mod ahead;
mod api;
mod catalog;
mod configuring;
mod durability;
mod entry;
mod error;
mod evict;
mod heap;
mod loader;
mod namespaces;
mod near;
mod patience;
mod persistence;
mod pg;
mod replication;
mod settings;
mod shared;
mod statement;
mod stats;
mod store;
mod sweep;
mod wake;
mod watch;

use pg::backend;
use pg::transaction::{self, Hooks};
use pgrx::prelude::*;
use shared::flags;

pgrx::pg_module_magic!(name, version);

extension_sql_file!("../sql/tables.sql", name = "tables", bootstrap);
extension_sql_file!("../sql/watch.sql", name = "watch", requires = [cache_watch, cache_unwatch, cache_watch_templates]);
extension_sql_file!(
    "../sql/stats.sql",
    name = "stats",
    requires = [cache_stats, cache_latency, cache_sweeps, cache_loads, cache_health, cache_advice, cache_stats_reset]
);
extension_sql_file!("../sql/finish.sql", name = "finish", finalize);

/// Runs once in the postmaster under `shared_preload_libraries`, else once in each backend that uses the extension.
#[pg_guard]
extern "C-unwind" fn _PG_init() {
    error::silence_backtraces();
    settings::register();
    catalog::watch();
    transaction::register(Hooks {
        // Room is made before the other hooks report the changes.
        transaction: [
            sweep::at_end_of_transaction,
            ahead::warmings::at_end_of_transaction,
            flags::at_end_of_transaction,
            near::at_end_of_transaction,
        ],
        subtransaction: evict::pending::at_subtransaction,
    });
    evict::file::watch();
    if backend::is_preloading() {
        stats::register();
        heap::hints::register();
        wake::register();
        patience::register();
        shared::register();
        evict::register();
        ahead::register();
        sweep::register();
    }
}
