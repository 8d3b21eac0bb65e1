//! The facts about the extension's tables in a database.
//!
//! Owns the names of these facts, and the columns in the order of `sql/tables.sql`. Must never look anything up:
//! [`super`] finds the facts and keeps them up to date.

use crate::{error::CacheError, heap::shape::columns, statement::Schema};
use cache_pg_rules::release::{Standing, standing};
use pgrx::pg_sys::Oid;

columns! {
    /// Columns of `cache_entries`.
    column: "cache_entries", true, [
        1 KEY key: String,
        2 CREATED_AT created_at: Timestamp,
        3 VERSION version: Xid8,
        4 UPDATED_AT updated_at: Timestamp,
        5 EXPIRES_AT expires_at: Timestamp,
        6 STALE_UNTIL stale_until: Timestamp,
        7 LEASE_UNTIL lease_until: Timestamp,
        8 LEASE_ID lease_id: i64,
        9 LOAD_US load_us: i64,
        10 VALUE value: Jsonb,
        11 BYTES bytes: Bytea,
        12 TAGS tags: TextArray,
        13 TAG_GENERATIONS tag_generations: BigintArray,
    ]
}

columns! {
    /// Columns of `cache_tags`.
    tag_column: "cache_tags", false, [
        1 TAG tag: String,
        2 GENERATION generation: i64,
        3 VERSION version: Xid8,
        4 UNUSED_SINCE unused_since: Xid8,
    ]
}

/// The version of the library.
pub const LIBRARY: &str = env!("CARGO_PKG_VERSION");

/// The facts that statements and checks need about the extension in this database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionTables {
    /// The version of the extension in this database. It is older than [`LIBRARY`] until ALTER EXTENSION UPDATE.
    pub version: String,
    /// Whether the library knows this version.
    pub is_supported: bool,
    /// The schema's name, quoted if necessary.
    pub schema: String,
    /// `cache_entries`.
    pub entries: Oid,
    /// The owner of `cache_entries`.
    pub owner: Oid,
    /// Whether `cache_entries` has rules, or triggers that the extension did not make. Only the executor runs them.
    pub has_triggers_or_rules: bool,
    /// `cache_namespaces`.
    pub namespaces: Oid,
    /// The owner of `cache_namespaces`.
    pub namespaces_owner: Oid,
    /// `cache_tags`.
    pub tags: Oid,
    /// The first table that is not as the extension made it, and how. If there is one, nothing is read or written.
    pub altered: Option<(&'static str, String)>,
    /// Whether `cache_entries` is a heap with no columns beyond those that the extension made, so that it may be read
    /// and written below the executor.
    pub has_own_columns: bool,
    /// Whether `cache_entries` has no index and no constraint beyond those that the extension made.
    pub has_only_own_constraints: bool,
    /// Whether `cache_entries` or `cache_tags` is unlogged. Then a standby has nothing to read.
    pub is_unlogged: bool,
    /// Whether policies may hide rows of `cache_entries` from some roles.
    pub has_policies: bool,
    /// Whether `cache_entries` is a heap whose first columns are those that the extension made: enough to remove rows.
    pub may_be_walked: bool,
    /// Whether foreign keys reference `cache_entries`.
    pub has_foreign_keys: bool,
}

impl ExtensionTables {
    /// Checks that the library knows this version of the extension, and that the tables are as the extension made them.
    ///
    /// # Errors
    /// [`CacheError::Version`], [`CacheError::Reshaped`].
    pub fn check(&self) -> Result<(), CacheError> {
        self.check_version()?;
        match &self.altered {
            None => Ok(()),
            Some((table, how)) => Err(CacheError::Reshaped { table, how: how.clone() }),
        }
    }
}

impl ExtensionTables {
    /// Checks that the library knows this version of the extension.
    ///
    /// # Errors
    /// [`CacheError::Version`].
    pub fn check_version(&self) -> Result<(), CacheError> {
        if self.is_supported { Ok(()) } else { check_version(&self.version) }
    }
}

/// Checks that the library knows a version of the extension: its own, or an older one.
///
/// # Errors
/// [`CacheError::Version`].
pub(super) fn check_version(version: &str) -> Result<(), CacheError> {
    match standing(version, LIBRARY) {
        Standing::Same | Standing::Older => Ok(()),
        Standing::Newer | Standing::Unknown => Err(CacheError::Version { schema: version.into(), library: LIBRARY }),
    }
}

impl Schema for ExtensionTables {
    fn name(&self) -> &str {
        &self.schema
    }

    fn installation(&self) -> Oid {
        self.entries
    }
}
