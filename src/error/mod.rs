//! What can go wrong, and what the user is told.
//!
//! Owns every SQLSTATE and message of the extension: one enum, one table; what helps further is in [`advice`]. Messages
//! follow the style of PostgreSQL: lower case, no full stop, names in double quotes.

mod advice;
mod loading;
mod report;
mod tag;
mod wording;

pub use loading::LoadError;
pub use tag::TagVerb;
pub use wording::silence_backtraces;

use cache_pg_rules::key::KeyError;
use cache_pg_rules::namespace::NamespaceError;
use cache_pg_rules::template::TemplateError;
use cache_pg_rules::token::TokenError;
use cache_pg_rules::ttl::TtlError;
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::Oid;
use wording::quoted;

/// Every error that the extension raises itself.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// SQL NULL where a key is needed.
    #[error("cache key must not be null")]
    NullKey,
    /// SQL NULL among tags.
    #[error("cache tag must not be null")]
    NullTag,
    /// More tags than an entry may carry; how many.
    #[error("too many cache tags: {0}")]
    TooManyTags(usize),
    /// SQL NULL where a namespace is needed.
    #[error("cache namespace must not be null")]
    NullNamespace,
    /// Not a key.
    #[error("invalid cache key {}", quoted(.0))]
    Key(String, KeyError),
    /// Not a tag.
    #[error("invalid cache tag {}", quoted(.0))]
    Tag(String, KeyError),
    /// Not a namespace.
    #[error("invalid cache namespace {}", quoted(.0))]
    Namespace(String, NamespaceError),
    /// SQL NULL where a value is needed.
    #[error("cache value must not be null")]
    NullValue,
    /// Sizes in bytes.
    #[error("cache value of {bytes} bytes is too large")]
    ValueTooLarge { bytes: usize, limit: usize, key: String },
    /// The interval as it was given.
    #[error("cache ttl {0} is out of range")]
    Ttl(String, TtlError),
    /// Dropping the deadline where every entry must have one.
    #[error("cache entries must have a deadline")]
    DeadlineRequired,
    /// `cache_incr` on something else than an integer.
    #[error("value of cache key \"{0}\" is not an integer")]
    NotAnInteger(String),
    /// `cache_incr` beyond a bigint.
    #[error("bigint out of range")]
    CounterOverflow,
    /// Under an old snapshot, a write to what somebody has written since.
    #[error("could not serialize access due to concurrent update")]
    Serialization,
    /// `cache_set_many` on something else than an object.
    #[error("cache entries must be given as a JSON object")]
    NotAnObject,
    /// A count that must be positive; its name and value.
    #[error("{0} must be at least 1, not {1}")]
    NotPositive(&'static str, i32),
    /// A namespace option out of its range; its name and the range in words.
    #[error("{option} of a cache namespace is out of range")]
    Option { option: &'static str, range: &'static str },
    /// SQL NULL where a table is needed.
    #[error("table to watch must not be null")]
    NullTable,
    /// SQL NULL among templates.
    #[error("cache template must not be null")]
    NullTemplate,
    /// Not a template.
    #[error("invalid cache template {}", quoted(.0))]
    Template(String, TemplateError),
    /// `cache_watch` with neither keys nor tags.
    #[error("there is no key and no tag to watch a table for")]
    NoTemplate,
    /// A template names a column that the table does not have.
    #[error("column \"{column}\" of relation \"{table}\" does not exist")]
    NoColumn { column: String, table: String },
    /// A command would take a column away that a template names.
    #[error("column \"{column}\" of relation \"{table}\" is watched")]
    WatchedColumn { column: String, table: String },
    /// A template names a column whose value triggers do not get.
    #[error("column \"{column}\" of relation \"{table}\" is a virtual generated column")]
    VirtualColumn { column: String, table: String },
    /// A relation that cannot be watched.
    #[error("relation \"{0}\" cannot be watched")]
    Unwatchable(String),
    /// A foreign table below a watched table.
    #[error("foreign table \"{0}\" cannot be watched")]
    ForeignTable(String),
    /// The caller does not own the table.
    #[error("must be owner of table {0}")]
    NotOwner(String),
    /// A function that gives rights away, called by code that somebody has others run.
    #[error("cannot call {0} within a security-restricted operation")]
    Restricted(&'static str),
    /// A column whose text some user's function makes.
    #[error("column \"{column}\" of relation \"{table}\" has a cast to text that cache_pg does not trust")]
    UntrustedCast { column: String, table: String },
    /// A column whose text a function of a user's makes, and may make differently in another session.
    #[error("text of column \"{column}\" of relation \"{table}\" is not the same in every session")]
    UnsteadyText { column: String, table: String },
    /// The table is watched because it is below another.
    #[error("table \"{table}\" is watched with \"{above}\"")]
    WatchedAbove { table: String, above: String },
    /// A table below is watched for something else.
    #[error("table \"{0}\" is watched for something else")]
    WatchedBelow(String),
    /// A trigger function, as some trigger of somebody's own, or called by hand.
    #[error("a trigger function of cache_pg was not called by a trigger that cache_pg has made")]
    StrangeTrigger,
    /// Neither logged nor unlogged.
    #[error("invalid cache persistence {}", quoted(.0))]
    Persistence(String),
    /// Not a token for this key.
    #[error("invalid cache token")]
    Token(TokenError),
    /// `cache_get_or_set` without a query, in this namespace.
    #[error("cache namespace \"{0}\" has no loader")]
    NoLoader(String),
    /// A function that cannot be a loader; its signature.
    #[error("function {0} cannot be a loader")]
    NotALoader(String),
    /// Of queries and loaders.
    #[error(transparent)]
    Loading(#[from] LoadError),
    /// A loader would run with rights that the role which configures it does not have; its signature.
    #[error("must have the rights of the owner of function {0}")]
    NotLoaderOwner(String),
    /// The loader of a namespace is gone; its signature.
    #[error("loader function {0} does not exist")]
    Loader(String),
    /// PREPARE TRANSACTION with messages to send.
    #[error("cannot PREPARE a transaction that has changed a cache namespace with notify")]
    Prepare,
    /// The role lacks a privilege on the table of entries.
    #[error("permission denied for table cache_entries")]
    Denied { privileges: &'static str, table: String, role: String },
    /// Row security keeps the role from having a loader compute this key.
    #[error("permission denied for cache key {}", quoted(.0))]
    KeyDenied(String),
    /// Row security keeps the role from what it wants to do with a tag, or with a namespace.
    #[error("{}", .verb.denial(.name))]
    TagDenied { verb: TagVerb, name: String, table: String, role: String },
    /// Keys are UTF-8, and so must be the database.
    #[error("cache_pg needs a database in UTF8")]
    Encoding,
    /// What needs shared memory, where there is none.
    #[error("statistics of the cache need shared memory")]
    NotPreloaded,
    /// A table of the extension is not as it was made.
    #[error("table \"{0}\" of the cache was altered")]
    Altered(&'static str),
    /// A table of the extension has not the columns that it was made with; how it differs.
    #[error("table \"{table}\" of the cache was altered")]
    Reshaped { table: &'static str, how: String },
    /// A column that we read is of another type than it was made with.
    #[error("a table of the cache was altered")]
    Type { found: Oid, wanted: Oid },
    /// The library is there, the extension is not.
    #[error("extension \"cache_pg\" is not installed in this database")]
    NotInstalled,
}

impl CacheError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        use PgSqlErrorCode::*;
        match self {
            Self::NullValue => ERRCODE_NULL_VALUE_NOT_ALLOWED,
            Self::ValueTooLarge { .. } | Self::TooManyTags(_) => ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            Self::CounterOverflow => ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            Self::Serialization => ERRCODE_T_R_SERIALIZATION_FAILURE,
            Self::NotLoaderOwner(_) | Self::Denied { .. } | Self::KeyDenied(_) | Self::TagDenied { .. } => {
                ERRCODE_INSUFFICIENT_PRIVILEGE
            }
            Self::Loading(error) => error.sqlstate(),
            Self::Encoding => ERRCODE_FEATURE_NOT_SUPPORTED,
            Self::NotPreloaded
            | Self::NotInstalled
            | Self::Altered(_)
            | Self::Type { .. }
            | Self::Reshaped { .. }
            | Self::WatchedAbove { .. }
            | Self::WatchedBelow(_) => ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::NoColumn { .. } => ERRCODE_UNDEFINED_COLUMN,
            Self::WatchedColumn { .. } => ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
            Self::VirtualColumn { .. }
            | Self::UntrustedCast { .. }
            | Self::UnsteadyText { .. }
            | Self::ForeignTable(_)
            | Self::Prepare => ERRCODE_FEATURE_NOT_SUPPORTED,
            Self::Unwatchable(_) => ERRCODE_WRONG_OBJECT_TYPE,
            Self::NotOwner(_) | Self::Restricted(_) => ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::StrangeTrigger => ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
            Self::Loader(_) => ERRCODE_UNDEFINED_FUNCTION,
            Self::NullKey
            | Self::NullTag
            | Self::NullNamespace
            | Self::Token(_)
            | Self::NoLoader(_)
            | Self::NotALoader(_)
            | Self::NullTable
            | Self::NullTemplate
            | Self::Template(..)
            | Self::NoTemplate
            | Self::Key(..)
            | Self::Tag(..)
            | Self::Namespace(..)
            | Self::Ttl(..)
            | Self::DeadlineRequired
            | Self::NotAnInteger(_)
            | Self::NotAnObject
            | Self::Persistence(_)
            | Self::NotPositive(..)
            | Self::Option { .. } => ERRCODE_INVALID_PARAMETER_VALUE,
        }
    }
}
