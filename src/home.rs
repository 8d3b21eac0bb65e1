//! What is known about the extension's tables in a database.
//!
//! Owns the names of it, no more: [`crate::catalog`] finds it out and keeps it true.

use pgrx::pg_sys::Oid;

/// Columns of `cache_entries` that are read by number, as `sql/tables.sql` orders them.
pub mod column {
    pub const KEY: usize = 1;
    pub const EXPIRES_AT: usize = 5;
    pub const STALE_UNTIL: usize = 6;
    pub const VALUE: usize = 9;
}

/// What every statement and every check needs to know about the extension in this database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// The schema's name, quoted where it has to be.
    pub schema: String,
    /// `cache_entries`.
    pub entries: Oid,
    /// Who owns it.
    pub owner: Oid,
    /// Whether triggers or rules hang on it, which only the executor runs.
    pub has_triggers: bool,
    /// `cache_namespaces`.
    pub namespaces: Oid,
    /// Who owns that.
    pub namespaces_owner: Oid,
}
