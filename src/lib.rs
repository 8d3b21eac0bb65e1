//! cache_pg: a cache inside PostgreSQL.
//!
//! | module | what it owns |
//! |---|---|
//! | [`api`] | the SQL functions: what they take, what they return, nothing else |
//! | [`store`] | looking up, writing and deleting entries, as a plain Rust interface |
//! | [`namespaces`] | what `cache_configure` has set, and the deadline that follows for an entry |
//! | [`near`] | telling the caches of applications what they must forget |
//! | [`watch`] | watched tables: whose rows delete keys and invalidate tags when they change |
//! | [`sweep`] | the clock hand that removes what is due, the launcher and the sweepers |
//! | [`evict`] | making room: a cache that is full keeps what is used |
//! | [`access`], [`configuring`], [`as_owner`] | who may do what, and as whom a statement runs |
//! | [`backend`] | what this process knows of itself |
//! | [`catalog`], [`home`] | where the extension's tables are in this database |
//! | [`heap`] | tables below the executor |
//! | [`loader`], [`local_settings`], [`advisory`] | running what computes a value, and what that leaves in the session |
//! | [`function_call`] | calling a function that may return NULL |
//! | [`wake`] | waiting for a value that another session computes |
//! | [`statement`] | kept plans: every SQL statement of the extension runs through it |
//! | [`transaction`] | what is done at its end, asked for in one place |
//! | [`durability`], [`epoch`] | commits that do not wait for the disk; which run of the server this is |
//! | [`secret`] | what this server knows and nobody else |
//! | [`persistence`], [`replication`] | whether the tables of the cache are logged; what a subscription brings into them |
//! | [`stats`], [`shared_memory`] | what the cache does, counted; arrays in shared memory |
//! | [`subtransaction`], [`retelling`] | going on after an error; telling it again in full |
//! | [`settings`], [`error`], [`clock`], [`datum`], [`scratch`] | settings, errors, time, values on their way through, memory |
//!
//! The rules that need no PostgreSQL (keys, deadlines, pacing) are the crate `cache_pg_rules`. SQL stands in
//! `sql/*.sql`, the statements that the functions run in `sql/statements/*.sql`. DESIGN.md says why.

mod access;
mod advisory;
mod api;
mod as_owner;
mod backend;
mod catalog;
mod clock;
mod configuring;
mod datum;
mod durability;
mod epoch;
mod error;
mod evict;
mod function_call;
mod heap;
mod home;
mod loader;
mod local_settings;
mod namespaces;
mod near;
mod patience;
mod persistence;
mod replication;
mod retelling;
mod scratch;
mod secret;
mod settings;
mod shared_memory;
mod statement;
mod stats;
mod store;
mod subtransaction;
mod sweep;
mod transaction;
mod wake;
mod watch;

use pgrx::prelude::*;

pgrx::pg_module_magic!(name, version);

extension_sql_file!("../sql/tables.sql", name = "tables", bootstrap);
extension_sql_file!(
    "../sql/text_ttl.sql",
    name = "text_ttl",
    requires = [
        cache_set,
        cache_add,
        cache_replace,
        cache_cas,
        cache_set_many,
        cache_touch,
        cache_incr,
        cache_fill,
        cache_get_or_set
    ]
);
extension_sql_file!("../sql/watch.sql", name = "watch", requires = [cache_watch, cache_unwatch, cache_watch_templates]);
extension_sql_file!(
    "../sql/stats.sql",
    name = "stats",
    requires = [cache_stats, cache_latency, cache_sweeps, cache_health, cache_advice, cache_stats_reset]
);
extension_sql_file!("../sql/finish.sql", name = "finish", finalize);

/// Runs once in the postmaster under `shared_preload_libraries`, else once in each backend that uses the extension.
#[pg_guard]
extern "C-unwind" fn _PG_init() {
    error::silence_backtraces();
    settings::register();
    catalog::watch();
    transaction::register();
    evict::file::watch();
    stats::register_if_preloading();
    heap::hints::register_if_preloading();
    wake::register_if_preloading();
    patience::register_if_preloading();
    epoch::register_if_preloading();
    secret::register_if_preloading();
    sweep::register_if_preloading();
    evict::register_if_preloading();
}
