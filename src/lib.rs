//! cache_pg: a cache inside PostgreSQL.
//!
//! | module | what it owns |
//! |---|---|
//! | [`api`] | the SQL functions: what they take, what they return, nothing else |
//! | [`store`] | looking up, writing and deleting entries, as a plain Rust interface |
//! | [`namespaces`] | what `cache_configure` has set, and the deadline that follows for an entry |
//! | [`sweep`] | the clock hand that removes what is due, the launcher and the sweepers |
//! | [`access`], [`as_owner`] | who may do what, and as whom a statement runs |
//! | [`catalog`], [`home`] | where the extension's tables are in this database |
//! | [`statement`] | kept plans: every SQL statement of the extension runs through it |
//! | [`durability`] | commits that do not wait for the disk |
//! | [`subtransaction`] | going on after an error |
//! | [`settings`], [`error`], [`clock`], [`datum`] | settings, errors, time, values on their way through |
//!
//! The rules that need no PostgreSQL (keys, deadlines, pacing) are the crate `cache_pg_rules`. SQL stands in
//! `sql/*.sql`, the statements that the functions run in `sql/statements/*.sql`. DESIGN.md says why.

mod access;
mod api;
mod as_owner;
mod catalog;
mod clock;
mod datum;
mod durability;
mod error;
mod home;
mod namespaces;
mod settings;
mod statement;
mod store;
mod subtransaction;
mod sweep;

use pgrx::prelude::*;

pgrx::pg_module_magic!(name, version);

extension_sql_file!("../sql/tables.sql", name = "tables", bootstrap);
extension_sql_file!(
    "../sql/text_ttl.sql",
    name = "text_ttl",
    requires = [cache_set, cache_add, cache_replace, cache_cas, cache_set_many, cache_touch, cache_incr]
);
extension_sql_file!("../sql/finish.sql", name = "finish", finalize);

/// Runs once in the postmaster under `shared_preload_libraries`, else once in each backend that uses the extension.
#[pg_guard]
extern "C-unwind" fn _PG_init() {
    error::silence_backtraces();
    settings::register();
    catalog::watch();
    sweep::register();
}
