//! Every error that the extension itself raises.
//!
//! Owns the SQLSTATE and the message of each. Must never look a value up: the caller passes in the values that a
//! message shows. Messages follow PostgreSQL's style: lower case, no full stop, names in double quotes.

use super::{loading::LoadError, tag::TagVerb, wording::quoted};
use cache_pg_rules::{
    key::KeyError, namespace::NamespaceError, template::TemplateError, token::TokenError, ttl::TtlError,
};
use pgrx::{PgSqlErrorCode, pg_sys::Oid};

/// Every error that the extension itself raises.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// SQL NULL where a key is needed.
    #[error("cache key must not be null")]
    NullKey,
    /// SQL NULL among tags.
    #[error("cache tag must not be null")]
    NullTag,
    /// More tags than an entry may carry.
    #[error("too many cache tags: {count}")]
    TooManyTags { count: usize, limit: usize },
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
    /// The moment as it was given.
    #[error("cache deadline {0} is out of range")]
    Deadline(String, TtlError),
    /// Both a ttl and a deadline.
    #[error("cache ttl and expires_at must not both be given")]
    TwoDeadlines,
    /// A function that returns JSON, on an entry that holds bytes; its key.
    #[error("value of cache key \"{0}\" is not JSON")]
    HoldsBytes(String),
    /// A function of locks, on an entry that is none; its key.
    #[error("value of cache key \"{0}\" is not a lock")]
    NotALock(String),
    /// SQL NULL as the owner of a lock.
    #[error("owner of a cache lock must not be null")]
    NullOwner,
    /// Arrays that belong together have different lengths: what is too few or too many, and the numbers.
    #[error("number of {what} ({count}) does not match the number of keys ({keys})")]
    Lengths { what: &'static str, count: usize, keys: usize },
    /// `cache_persist` where every entry must have a deadline.
    #[error("cache entries must have a deadline")]
    DeadlineRequired,
    /// `cache_incr` on something else than an integer.
    #[error("value of cache key \"{0}\" is not an integer")]
    NotAnInteger(String),
    /// `cache_incr` beyond a bigint.
    #[error("bigint out of range")]
    CounterOverflow,
    /// A write under a snapshot that is older than the last write of the key.
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
    #[error("cache_watch requires at least one key or tag template")]
    NoTemplate,
    /// A template names a column that the table does not have.
    #[error("column \"{column}\" of relation \"{table}\" does not exist")]
    NoColumn { column: String, table: String },
    /// A command would drop or rename a column that a template names.
    #[error("cannot drop or rename column \"{column}\" of watched table \"{table}\"")]
    WatchedColumn { column: String, table: String },
    /// A template names a column whose value triggers do not receive.
    #[error("column \"{column}\" of relation \"{table}\" is a virtual generated column")]
    VirtualColumn { column: String, table: String },
    /// A relation that cannot be watched.
    #[error("cannot watch relation \"{0}\"")]
    Unwatchable(String),
    /// A foreign table below a watched table.
    #[error("cannot watch foreign table \"{0}\"")]
    ForeignTable(String),
    /// The caller does not own the table.
    #[error("must be owner of table {0}")]
    NotOwner(String),
    /// A function that grants rights, called in a security-restricted operation such as ANALYZE; its name.
    #[error("cannot execute {0} within security-restricted operation")]
    Restricted(&'static str),
    /// A column that becomes text by a cast that does not belong to a superuser.
    #[error("column \"{column}\" of relation \"{table}\" has an untrusted cast to text")]
    UntrustedCast { column: String, table: String },
    /// A column that becomes text by a function that may return another text in another session.
    #[error("text of column \"{column}\" of relation \"{table}\" can differ between sessions")]
    SessionDependentText { column: String, table: String },
    /// The table is watched because a table above it is.
    #[error("table \"{table}\" is already watched through table \"{above}\"")]
    WatchedAbove { table: String, above: String },
    /// A table below is watched with other templates.
    #[error("table \"{0}\" is already watched with different templates")]
    WatchedBelow(String),
    /// The trigger function of watched tables was called directly, or by a trigger that cache_watch did not create.
    #[error("trigger function of cache_pg was not called by a trigger of cache_pg")]
    NotAWatchTrigger,
    /// The same for a trigger function of a table of the extension.
    #[error("trigger function of cache_pg was not called by a trigger of cache_pg")]
    NotOwnTrigger,
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
    /// The role that configures a loader lacks the privileges of the loader's owner; the loader's signature.
    #[error("must have privileges of the owner of function {0}")]
    NotLoaderOwner(String),
    /// The loader of a namespace does not exist any more; its signature.
    #[error("loader function {0} does not exist")]
    Loader(String),
    /// PREPARE TRANSACTION with messages for near caches.
    #[error("cannot PREPARE a transaction that has changed a cache namespace with notify")]
    Prepare,
    /// The role lacks a privilege on the table of entries.
    #[error("permission denied for table cache_entries")]
    Denied { privileges: &'static str, table: String, role: String },
    /// Row security does not let the role store what a loader would compute for this key.
    #[error("permission denied for cache key {}", quoted(.0))]
    KeyDenied(String),
    /// Row security does not let the role use a tag or clear a namespace in this way.
    #[error("{}", .verb.denial(.name))]
    TagDenied { verb: TagVerb, name: String, table: String, role: String },
    /// The database has another encoding than UTF8.
    #[error("cache_pg requires a database with encoding UTF8")]
    Encoding,
    /// Statistics live in shared memory, which exists only if the library is preloaded.
    #[error("cache statistics require cache_pg in \"shared_preload_libraries\"")]
    NotPreloaded,
    /// A table of the extension was altered; its name.
    #[error("table \"{0}\" of the cache was altered")]
    Altered(&'static str),
    /// A table of the extension was altered; its name and a sentence that says how it differs.
    #[error("table \"{table}\" of the cache was altered")]
    Reshaped { table: &'static str, how: String },
    /// A column has another type than CREATE EXTENSION gave it.
    #[error("a table of the cache was altered")]
    Type { found: Oid, wanted: Oid },
    /// The extension has a version in this database that the loaded library does not know.
    #[error("library of cache_pg {library} does not support version \"{schema}\" of the extension")]
    Version { schema: String, library: &'static str },
    /// The library is loaded, but the extension is not installed in this database.
    #[error("extension \"cache_pg\" is not installed in this database")]
    NotInstalled,
}

impl CacheError {
    pub(super) fn sqlstate(&self) -> PgSqlErrorCode {
        use PgSqlErrorCode::*;
        match self {
            Self::NullValue | Self::NullOwner => ERRCODE_NULL_VALUE_NOT_ALLOWED,
            Self::ValueTooLarge { .. } | Self::TooManyTags { .. } => ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            Self::CounterOverflow => ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            Self::Serialization => ERRCODE_T_R_SERIALIZATION_FAILURE,
            Self::NotLoaderOwner(_) | Self::Denied { .. } | Self::KeyDenied(_) | Self::TagDenied { .. } => {
                ERRCODE_INSUFFICIENT_PRIVILEGE
            }
            Self::Loading(error) => error.sqlstate(),
            Self::Encoding => ERRCODE_FEATURE_NOT_SUPPORTED,
            Self::NotPreloaded
            | Self::NotInstalled
            | Self::Version { .. }
            | Self::Altered(_)
            | Self::Type { .. }
            | Self::Reshaped { .. }
            | Self::WatchedAbove { .. }
            | Self::WatchedBelow(_) => ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::NoColumn { .. } => ERRCODE_UNDEFINED_COLUMN,
            Self::WatchedColumn { .. } => ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
            Self::VirtualColumn { .. }
            | Self::UntrustedCast { .. }
            | Self::SessionDependentText { .. }
            | Self::ForeignTable(_)
            | Self::Prepare => ERRCODE_FEATURE_NOT_SUPPORTED,
            Self::Unwatchable(_) => ERRCODE_WRONG_OBJECT_TYPE,
            Self::NotOwner(_) | Self::Restricted(_) => ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::NotAWatchTrigger | Self::NotOwnTrigger => ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
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
            | Self::Deadline(..)
            | Self::TwoDeadlines
            | Self::HoldsBytes(_)
            | Self::NotALock(_)
            | Self::Lengths { .. }
            | Self::DeadlineRequired
            | Self::NotAnInteger(_)
            | Self::NotAnObject
            | Self::Persistence(_)
            | Self::NotPositive(..)
            | Self::Option { .. } => ERRCODE_INVALID_PARAMETER_VALUE,
        }
    }
}
