//! What is known about the extension's tables in a database.
//!
//! Owns the names of it, no more: [`crate::catalog`] finds it out and keeps it true.

use pgrx::pg_sys::Oid;

/// Columns of `cache_entries` by number, as `sql/tables.sql` orders them.
pub mod column {
    pub const KEY: usize = 1;
    pub const CREATED_AT: usize = 2;
    pub const VERSION: usize = 3;
    pub const UPDATED_AT: usize = 4;
    pub const EXPIRES_AT: usize = 5;
    pub const STALE_UNTIL: usize = 6;
    pub const LEASE_UNTIL: usize = 7;
    pub const LEASE_ID: usize = 8;
    pub const LOAD_US: usize = 9;
    pub const VALUE: usize = 10;
    pub const TAGS: usize = 11;
    pub const TAG_GENERATIONS: usize = 12;
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
    pub has_triggers_or_rules: bool,
    /// `cache_namespaces`.
    pub namespaces: Oid,
    /// Who owns that.
    pub namespaces_owner: Oid,
    /// `cache_tags`.
    pub tags: Oid,
    /// Whether `cache_entries` is a heap with the columns that it was made with, so that they may be read by number.
    pub has_own_columns: bool,
    /// Whether it has no index and no constraint but those that it was made with.
    pub has_only_own_constraints: bool,
    /// Whether it or `cache_tags` is unlogged: then there is nothing to read on a standby.
    pub is_unlogged: bool,
    /// Whether policies may keep rows of `cache_entries` from some.
    pub has_policies: bool,
    /// Whether it is a heap whose first columns are those that it was made with: enough to remove rows.
    pub may_be_walked: bool,
    /// Whether foreign keys point at it.
    pub has_foreign_keys: bool,
}
