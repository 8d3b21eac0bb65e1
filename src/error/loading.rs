//! The errors of queries and loaders.
//!
//! Owns their SQLSTATE, message, DETAIL and HINT, as `CacheError` owns all others. Must never know another module.

use pgrx::PgSqlErrorCode;

/// Why a query or a loader is not run, or its result is not stored.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The text is not a single query; a sentence that says why, without a full stop.
    #[error("query for a cache value must be a single SELECT or VALUES")]
    NotAQuery(&'static str),
    /// The query does not return one column; the number of columns.
    #[error("query for a cache value must return one column, not {0}")]
    Columns(i32),
    /// The query returned several rows.
    #[error("query for a cache value returned more than one row")]
    Rows,
    /// A function that may write cannot be a loader; its signature.
    #[error("function {0} cannot be a loader")]
    Volatile(String),
    /// The arguments or the type of a loader have changed; its signature.
    #[error("loader function {0} no longer takes text and returns jsonb")]
    Retyped(String),
    /// A loader has become volatile; its signature.
    #[error("loader function {0} has become volatile")]
    BecameVolatile(String),
    /// The owner of a loader has changed since it was configured; its signature.
    #[error("owner of loader function {0} has changed since it was configured")]
    ChangedOwner(String),
    /// A loader was configured in this transaction, and its caller lacks the privileges of its owner; its signature.
    #[error("loader function {0} was configured in this transaction")]
    Unsettled(String),
    /// A worker would have to store a value through the executor, as this role.
    #[error("triggers, rules, policies, or indexes on cache_entries keep workers from storing values for role {0}")]
    ByExecutor(String),
    /// A loader released an advisory lock of its caller, and another session has taken it.
    #[error("loader released an advisory lock of its caller")]
    LockLost,
}

impl LoadError {
    pub(super) fn sqlstate(&self) -> PgSqlErrorCode {
        use PgSqlErrorCode::*;
        match self {
            Self::NotAQuery(_) | Self::Columns(_) => ERRCODE_SYNTAX_ERROR,
            Self::Rows => ERRCODE_CARDINALITY_VIOLATION,
            Self::Volatile(_) => ERRCODE_INVALID_PARAMETER_VALUE,
            Self::Retyped(_) => ERRCODE_DATATYPE_MISMATCH,
            Self::BecameVolatile(_) | Self::ByExecutor(_) => ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::ChangedOwner(_) | Self::Unsettled(_) => ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::LockLost => ERRCODE_LOCK_NOT_AVAILABLE,
        }
    }

    pub(super) fn detail(&self) -> Option<String> {
        match self {
            Self::NotAQuery(why) => Some(format!("{why}.")),
            Self::Volatile(_) => Some("The function is VOLATILE.".into()),
            Self::Unsettled(_) => {
                Some("Until the commit, only roles with the privileges of the loader's owner can call it.".into())
            }
            _ => None,
        }
    }

    pub(super) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotAQuery(_) => {
                "Pass one SELECT or VALUES. Run statements that write before or after the call.".into()
            }
            Self::Columns(_) => "Return one column, for example: SELECT to_jsonb(t) FROM t.".into(),
            Self::Rows => "Return one row, for example with jsonb_agg or LIMIT 1.".into(),
            Self::Volatile(signature) | Self::BecameVolatile(signature) => {
                format!("Declare it STABLE: ALTER FUNCTION {signature} STABLE;")
            }
            Self::Retyped(_) => "Configure a function that takes the key as text and returns jsonb.".into(),
            Self::ChangedOwner(_) => "Call cache_configure again to confirm the loader.".into(),
            Self::Unsettled(_) => "Commit the transaction before you call the loader.".into(),
            Self::ByExecutor(_) => {
                "Drop them, or set refresh_ahead to 0: callers of cache_get_or_set then compute the values.".into()
            }
            Self::LockLost => return None,
        })
    }
}
