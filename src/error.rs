//! What can go wrong, and what the user is told.
//!
//! Owns every SQLSTATE, message, DETAIL and HINT of the extension: one enum, one table. Messages follow the style
//! of PostgreSQL: lower case, no full stop, names in double quotes; DETAIL and HINT are sentences.

use cache_pg_rules::key::KeyError;
use cache_pg_rules::namespace::NamespaceError;
use cache_pg_rules::ttl::TtlError;
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::panic::ErrorReport;

/// Every error that the extension raises itself.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// SQL NULL where a key is needed.
    #[error("cache key must not be null")]
    NullKey,
    /// SQL NULL among tags.
    #[error("cache tag must not be null")]
    NullTag,
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
    /// `cache_set_many` on something else than an object.
    #[error("cache entries must be given as a JSON object")]
    NotAnObject,
    /// A count that must be positive; its name and value.
    #[error("{0} must be at least 1, not {1}")]
    NotPositive(&'static str, i32),
    /// A namespace option out of its range; its name and the range in words.
    #[error("{option} of a cache namespace is out of range")]
    Option { option: &'static str, range: &'static str },
    /// The role lacks a privilege on the table of entries.
    #[error("permission denied for table cache_entries")]
    Denied { privileges: &'static str, table: String, role: String },
    /// Keys are UTF-8, and so must be the database.
    #[error("cache_pg needs a database in UTF8")]
    Encoding,
    /// The library is there, the extension is not.
    #[error("extension \"cache_pg\" is not installed in this database")]
    NotInstalled,
}

impl CacheError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        use PgSqlErrorCode::*;
        match self {
            Self::NullValue => ERRCODE_NULL_VALUE_NOT_ALLOWED,
            Self::ValueTooLarge { .. } => ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            Self::Denied { .. } => ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::Encoding => ERRCODE_FEATURE_NOT_SUPPORTED,
            Self::NotInstalled => ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::NullKey
            | Self::NullTag
            | Self::NullNamespace
            | Self::Key(..)
            | Self::Tag(..)
            | Self::Namespace(..)
            | Self::Ttl(..)
            | Self::DeadlineRequired
            | Self::NotAnInteger(_)
            | Self::NotAnObject
            | Self::NotPositive(..)
            | Self::Option { .. } => ERRCODE_INVALID_PARAMETER_VALUE,
        }
    }

    fn detail(&self) -> Option<String> {
        let sentence = match self {
            Self::Key(_, why) | Self::Tag(_, why) => format!("Not valid because {why}."),
            Self::Namespace(_, why) => format!("Not valid because {why}."),
            Self::ValueTooLarge { limit, key, .. } => format!("The limit for key \"{key}\" is {limit} bytes."),
            Self::Ttl(_, TtlError::TooShort) => "It is shorter than one millisecond.".into(),
            Self::Ttl(_, TtlError::TooLong { limit }) => {
                format!("The limit is {} seconds, the setting \"cache_pg.max_ttl\".", limit / 1_000_000)
            }
            Self::Option { range, .. } => format!("It must be {range}."),
            _ => return None,
        };
        Some(sentence)
    }

    fn hint(&self) -> Option<String> {
        let sentence = match self {
            Self::NullKey | Self::NullTag | Self::Key(..) | Self::Tag(..) => {
                "Keys and tags are 1 to 512 bytes of UTF-8, without control characters and without white space at \
                 either end."
                    .into()
            }
            Self::NullNamespace | Self::Namespace(..) => {
                "A namespace is what stands before the first \":\" of a key.".into()
            }
            Self::NullValue => "Store a JSON null ('null'::jsonb) to remember that there is nothing.".into(),
            Self::ValueTooLarge { .. } => {
                "Store less, or raise \"cache_pg.max_value_size\" or the namespace's max_value_size.".into()
            }
            Self::Ttl(_, TtlError::TooShort) => "A number without a unit is in seconds.".into(),
            Self::Ttl(_, TtlError::TooLong { .. }) => "Raise the setting, or set it to 0 for no limit.".into(),
            Self::DeadlineRequired => "Set \"cache_pg.max_ttl\" to 0 to allow entries without one.".into(),
            Self::NotAnInteger(_) => "Replace it with cache_set, or count under another key.".into(),
            Self::NotAnObject => "Such as '{\"tenant:1\": {\"name\": \"Burger Palace\"}}'.".into(),
            Self::Denied { privileges, table, role } => format!("GRANT {privileges} ON {table} TO {role};"),
            Self::Encoding => "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0 makes one.".into(),
            Self::NotInstalled => "Run CREATE EXTENSION cache_pg.".into(),
            Self::NotPositive(..) | Self::Option { .. } => return None,
        };
        Some(sentence)
    }
}

impl From<CacheError> for ErrorReport {
    fn from(error: CacheError) -> Self {
        let mut report = ErrorReport::new(error.sqlstate(), error.to_string(), "cache_pg");
        if let Some(detail) = error.detail() {
            report = report.set_detail(detail);
        }
        if let Some(hint) = error.hint() {
            report = report.set_hint(hint);
        }
        report
    }
}

/// Keeps Rust's backtraces out of the DETAIL that clients see, where the server's environment asks for them
/// (`RUST_BACKTRACE`): an error of PostgreSQL, such as a cancel, is no defect of ours. `RUST_LIB_BACKTRACE=1` still
/// brings them back.
pub fn silence_backtraces() {
    const CAPTURED: &str = "RUST_LIB_BACKTRACE";
    if std::env::var_os(CAPTURED).is_none() {
        // SAFETY: a PostgreSQL process has one thread.
        unsafe { std::env::set_var(CAPTURED, "0") };
    }
}

/// A name in quotes, cut to what fits a line of a log and without anything that would break it.
fn quoted(name: &str) -> String {
    const SHOWN: usize = 60;
    let shown: String = name.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let rest = if name.chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!("\"{shown}{rest}\"")
}
