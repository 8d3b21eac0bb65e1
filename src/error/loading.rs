//! What can go wrong where a value is computed by code of somebody's.
//!
//! Owns the errors of queries and loaders, as [`super::CacheError`] owns the others.

use pgrx::PgSqlErrorCode;

/// Why a query or a loader is not run, or what it returned is not taken.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The query is not one query; why, without a full stop.
    #[error("query for a cache value must be a single SELECT or VALUES")]
    NotAQuery(&'static str),
    /// The query returns so many columns.
    #[error("query for a cache value must return one column, not {0}")]
    Columns(i32),
    /// The query returned several rows.
    #[error("query for a cache value returned more than one row")]
    Rows,
    /// A function that may write cannot be a loader; its signature.
    #[error("function {0} cannot be a loader")]
    Volatile(String),
    /// A loader is none any more; its signature.
    #[error("function {0} is no loader any more")]
    Retyped(String),
    /// A loader has become volatile; its signature.
    #[error("loader function {0} has become volatile")]
    BecameVolatile(String),
    /// A loader belongs to somebody else than when it was configured; its signature.
    #[error("loader function {0} has another owner than when it was configured")]
    ChangedOwner(String),
    /// A loader was configured in this transaction, by somebody who has rights that its caller does not; its signature.
    #[error("loader function {0} has been configured in this transaction")]
    Unsettled(String),
    /// A loader gave an advisory lock away that its caller had.
    #[error("a loader has released an advisory lock that its caller held")]
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
            Self::BecameVolatile(_) => ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::ChangedOwner(_) | Self::Unsettled(_) => ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::LockLost => ERRCODE_LOCK_NOT_AVAILABLE,
        }
    }

    pub(super) fn detail(&self) -> Option<String> {
        match self {
            Self::NotAQuery(why) => Some(format!("{why}.")),
            Self::Volatile(_) => Some("It is VOLATILE.".into()),
            _ => None,
        }
    }

    pub(super) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotAQuery(_) => {
                "Give one SELECT or VALUES. Run statements that write before or after the call.".into()
            }
            Self::Columns(_) => "For example: SELECT to_jsonb(t) FROM t.".into(),
            Self::Rows => "For example: SELECT jsonb_agg(t) FROM t, or a query with LIMIT 1.".into(),
            Self::Volatile(signature) | Self::BecameVolatile(signature) => {
                format!("ALTER FUNCTION {signature} STABLE;")
            }
            Self::Retyped(_) => "A loader takes the key as text and returns jsonb. Call cache_configure again.".into(),
            Self::ChangedOwner(_) => "Call cache_configure again.".into(),
            Self::Unsettled(_) => "Until the commit it can be called by those who have the rights of its owner.".into(),
            Self::LockLost => return None,
        })
    }
}
