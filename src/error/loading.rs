//! The errors of queries and loaders.
//!
//! Owns their SQLSTATE, message, DETAIL and HINT, as `CacheError` owns all others. Must never know another module.

use pgrx::PgSqlErrorCode;

/// Why a query or a loader is not run, or its result is not stored.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The text is not a single query; a sentence that says why, without a full stop.
    #[error("query for the cache must be a single SELECT or VALUES")]
    NotAQuery(&'static str),
    /// The query does not return one column; the number of columns.
    #[error("query for a cache value must return one column, not {0}")]
    Columns(i32),
    /// A query of keys returns something else than keys, or keys and their tags.
    #[error("query for cache keys must return one column, or two of which the second has type text[]")]
    ListColumns,
    /// A query of keys returns more than it may.
    #[error("query for cache keys returned more than {0} rows")]
    TooManyListed(i64),
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
    /// A loader is configured while a query of `warm` stays that was written for another one.
    #[error("query in option warm belongs to a loader of another owner")]
    WarmOfAnother,
    /// `cache_warm` of a namespace without the option `warm`; its name.
    #[error("cache namespace \"{0}\" has no query in option warm")]
    NothingToWarm(String),
    /// `cache_warm` with both keys and a query.
    #[error("keys and query of cache_warm must not both be given")]
    KeysAndQuery,
    /// A key of another namespace than the one that is warmed: the key, and that namespace.
    #[error("cache key \"{0}\" does not belong to namespace \"{1}\"")]
    OtherNamespace(String, String),
    /// `cache_warm_wait` in a transaction block or a function.
    #[error("cache_warm_wait cannot run inside a transaction block")]
    InTransaction,
    /// The timeout of `cache_warm_wait` is over; how many keys are still in line, and whether workers load them.
    #[error("timeout of cache_warm_wait passed with {left} keys still in line")]
    WarmTimeout { left: u64, has_workers: bool },
    /// The loads of a namespace fail for which `cache_warm_wait` waits: its name, and what is known of that.
    #[error("keys of cache namespace \"{0}\" cannot be loaded")]
    Failing(String, String),
    /// A loader released an advisory lock of its caller, and another session has taken it.
    #[error("loader released an advisory lock of its caller")]
    LockLost,
}

impl LoadError {
    pub(super) fn sqlstate(&self) -> PgSqlErrorCode {
        use PgSqlErrorCode::*;
        match self {
            Self::NotAQuery(_) | Self::Columns(_) | Self::ListColumns => ERRCODE_SYNTAX_ERROR,
            Self::Rows => ERRCODE_CARDINALITY_VIOLATION,
            Self::TooManyListed(_) => ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            Self::Volatile(_) => ERRCODE_INVALID_PARAMETER_VALUE,
            Self::Retyped(_) => ERRCODE_DATATYPE_MISMATCH,
            Self::BecameVolatile(_) | Self::ByExecutor(_) => ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::ChangedOwner(_) | Self::Unsettled(_) => ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::WarmOfAnother | Self::NothingToWarm(_) | Self::KeysAndQuery | Self::OtherNamespace(..) => {
                ERRCODE_INVALID_PARAMETER_VALUE
            }
            Self::InTransaction => ERRCODE_ACTIVE_SQL_TRANSACTION,
            Self::WarmTimeout { .. } => ERRCODE_QUERY_CANCELED,
            Self::Failing(..) => ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
            Self::LockLost => ERRCODE_LOCK_NOT_AVAILABLE,
        }
    }

    pub(super) fn detail(&self) -> Option<String> {
        match self {
            Self::NotAQuery(why) => Some(format!("{why}.")),
            Self::Volatile(_) => Some("The function is VOLATILE.".into()),
            Self::WarmOfAnother => Some("The query runs with the privileges of the loader's owner.".into()),
            Self::Failing(_, why) => Some(why.clone()),
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
            Self::ListColumns => "Return the keys, and their tags beside them if they have any.".into(),
            Self::TooManyListed(_) => "Name the keys that are read most, or call cache_warm for one part after the other.".into(),
            Self::Rows => "Return one row, for example with jsonb_agg or LIMIT 1.".into(),
            Self::Volatile(signature) | Self::BecameVolatile(signature) => {
                format!("Declare it STABLE: ALTER FUNCTION {signature} STABLE;")
            }
            Self::Retyped(_) => "Configure a function that takes the key as text and returns jsonb.".into(),
            Self::ChangedOwner(_) => "Call cache_configure again to confirm the loader.".into(),
            Self::Unsettled(_) => "Commit the transaction before you call the loader.".into(),
            Self::ByExecutor(_) => {
                "Drop them, or let the callers of cache_get_or_set compute the values: without refresh_ahead and cache_warm."
                    .into()
            }
            Self::WarmOfAnother => "Set warm to '' first, then configure the loader and the query together.".into(),
            Self::NothingToWarm(_) => {
                "Pass keys or a query, or configure one: SELECT cache_configure(..., warm => 'SELECT ...').".into()
            }
            Self::KeysAndQuery => "Pass NULL for one of them.".into(),
            Self::OtherNamespace(..) => "Pass the keys of each namespace in a call of its own.".into(),
            Self::InTransaction => "Call it as a statement by itself, with autocommit: several statements in one string are a transaction too.".into(),
            Self::WarmTimeout { has_workers: true, .. } => {
                "Pass a longer timeout. The workers go on with what is in line.".into()
            }
            Self::WarmTimeout { .. } => "Pass a longer timeout, and call cache_warm_wait again for what is in line.".into(),
            Self::Failing(..) => {
                "Repair the loader or the query and call cache_warm again, or take the keys out of the line with \
                 cache_clear."
                    .into()
            }
            Self::LockLost => return None,
        })
    }
}
