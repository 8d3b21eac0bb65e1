//! Whether a crash empties the cache.
//!
//! Owns the change between logged and unlogged tables. It changes all tables that hold entries or tags
//! (`persistence.sql` lists them) in one transaction. Must never leave them mixed: a crash that emptied only the tags
//! would bring invalidated entries back.

use crate::pg::{AsOwner, LocalSettings};
use crate::statement::{self, Statement, statement};
use crate::{catalog::ExtensionTables, error::CacheError, store::tags};
use std::str::FromStr;

static TABLES: Statement = statement!("persistence.sql", []);

/// The effect of a crash on the tables of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// Nothing.
    Logged,
    /// It empties them.
    Unlogged,
    /// Some are logged and some are not, because a user has altered one by hand.
    Mixed,
}

impl FromStr for Persistence {
    type Err = CacheError;

    fn from_str(mode: &str) -> Result<Self, CacheError> {
        match mode {
            "logged" => Ok(Self::Logged),
            "unlogged" => Ok(Self::Unlogged),
            _ => Err(CacheError::Persistence(mode.into())),
        }
    }
}

impl Persistence {
    /// What [`FromStr`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Logged => "logged",
            Self::Unlogged => "unlogged",
            Self::Mixed => "mixed",
        }
    }
}

/// The present persistence of the tables.
pub fn current() -> Persistence {
    let tables = own_tables();
    match tables.iter().filter(|table| table.is_unlogged).count() {
        0 => Persistence::Logged,
        unlogged if unlogged == tables.len() => Persistence::Unlogged,
        _ => Persistence::Mixed,
    }
}

/// Rewrites all tables that are not `wanted` yet. They stay locked against all access to the end of the transaction.
///
/// # Errors
/// [`CacheError::NotInstalled`].
pub fn change(tables: &ExtensionTables, wanted: Persistence) -> Result<(), CacheError> {
    if current() == wanted {
        return Ok(());
    }
    // When a table is rewritten, only code of its owner runs, and event triggers of superusers.
    let _owner = AsOwner::new(tables.owner);
    let _path = LocalSettings::safe_path();
    for table in own_tables() {
        statement::command(&format!("ALTER TABLE {} SET {}", table.name, wanted.name()));
    }
    // The rewrite drops dead rows that an old snapshot may still see. The fence would have found them, and so refused
    // values that were computed before the removal.
    tags::refuse_earlier(tables, None)
}

struct OwnTable {
    /// Qualified, and quoted if necessary.
    name: String,
    is_unlogged: bool,
}

fn own_tables() -> Vec<OwnTable> {
    TABLES.read_catalog(|rows| {
        let table = |row| Some(OwnTable { name: rows.get(row, 1)?, is_unlogged: rows.get(row, 2)? });
        (0..rows.len()).filter_map(table).collect()
    })
}
