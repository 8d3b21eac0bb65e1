//! The arguments that many functions share.
//!
//! Owns how a key, a namespace and a deadline are passed; lists of tags are the store's. Must never look anything up.

pub use crate::store::{tag_names, tags};

use crate::error::CacheError;
use crate::namespaces::Expiry;
use crate::pg::{TextArray, Timestamp, clock};
use cache_pg_rules::key::Key;
use cache_pg_rules::namespace::Namespace;
use pgrx::datum::{Interval, TimestampWithTimeZone};

/// The key argument of a function.
pub fn key(text: Option<&str>) -> Result<Key<'_>, CacheError> {
    let text = text.ok_or(CacheError::NullKey)?;
    Key::parse(text).map_err(|why| CacheError::Key(text.into(), why))
}

/// An argument that lists keys. SQL NULL lists none.
pub fn keys(list: Option<&TextArray>) -> Result<Vec<Key<'_>>, CacheError> {
    list.into_iter().flat_map(TextArray::elements).map(key).collect()
}

/// An argument that names a namespace.
pub fn namespace(text: &str) -> Result<Namespace<'_>, CacheError> {
    Namespace::parse(text).map_err(|why| CacheError::Namespace(text.into(), why))
}

/// A ttl argument, of each type that it can have.
#[derive(Debug, Clone, Copy)]
pub enum Ttl<'a> {
    Interval(Option<Interval>),
    /// The text of an interval, `infinity`, or `keep`.
    Text(Option<&'a str>),
    Seconds(Option<f64>),
}

impl From<Option<Interval>> for Ttl<'_> {
    fn from(ttl: Option<Interval>) -> Self {
        Self::Interval(ttl)
    }
}

impl<'a> From<Option<&'a str>> for Ttl<'a> {
    fn from(ttl: Option<&'a str>) -> Self {
        Self::Text(ttl)
    }
}

impl From<Option<f64>> for Ttl<'_> {
    fn from(ttl: Option<f64>) -> Self {
        Self::Seconds(ttl)
    }
}

impl Ttl<'_> {
    /// The lifetime that the caller asks for. Raises 22007 for a text that is malformed.
    pub fn expiry(self) -> Expiry {
        let expiry = match self {
            Self::Interval(ttl) => ttl.map(Expiry::For),
            Self::Seconds(ttl) => ttl.map(Expiry::Seconds),
            Self::Text(ttl) => ttl.and_then(|text| match text.trim().to_ascii_lowercase().as_str() {
                "infinity" => Some(Expiry::Forever),
                "keep" => Some(Expiry::Kept),
                _ => clock::parse_interval(text).map(Expiry::For),
            }),
        };
        expiry.unwrap_or(Expiry::Usual)
    }
}

/// The lifetime that a caller asks for with a ttl or with `expires_at`.
///
/// # Errors
/// [`CacheError::TwoDeadlines`].
pub fn expiry(ttl: Ttl, expires_at: Option<TimestampWithTimeZone>) -> Result<Expiry, CacheError> {
    match (ttl.expiry(), expires_at) {
        (expiry, None) => Ok(expiry),
        (Expiry::Usual, Some(moment)) => Ok(Expiry::Until(Timestamp(moment.into()))),
        (_, Some(_)) => Err(CacheError::TwoDeadlines),
    }
}

/// Declares a function once for each type of its ttl: interval, text, and double precision for seconds.
///
/// `fn NAME, NAME_OF_TEXT, NAME_OF_SECONDS as "name"(before | defaulted = value; ttl; after) -> [type] { body }`. The
/// types of the arguments stand in brackets. Only the first function has the default of the argument before the ttl,
/// and one for the ttl: PostgreSQL wants a default for all arguments behind one.
macro_rules! functions_with_ttl {
    ($($(#[$doc:meta])* fn $interval:ident, $text:ident, $seconds:ident as $name:literal
       ($($before:ident: [$($before_type:tt)+]),*
        $(| $defaulted:ident: [$($defaulted_type:tt)+] = $default:tt)?;
        $ttl:ident; $($after:ident: [$($after_type:tt)+]),*)
       -> [$result:ty] $body:block)+) => {$(
        $(#[$doc])*
        #[pg_extern(volatile, parallel_unsafe, name = $name)]
        fn $interval(
            $($before: $($before_type)+,)*
            $($defaulted: default!($($defaulted_type)+, $default),)?
            $ttl: default!(Option<pgrx::datum::Interval>, "NULL"),
            $($after: $($after_type)+,)*
        ) -> $result {
            let $ttl = $crate::api::arguments::Ttl::from($ttl);
            $body
        }

        /// The same, with the ttl as a text.
        #[pg_extern(volatile, parallel_unsafe, name = $name)]
        fn $text(
            $($before: $($before_type)+,)*
            $($defaulted: $($defaulted_type)+,)?
            $ttl: Option<&str>,
            $($after: $($after_type)+,)*
        ) -> $result {
            let $ttl = $crate::api::arguments::Ttl::from($ttl);
            $body
        }

        /// The same, with the ttl as a number of seconds.
        #[pg_extern(volatile, parallel_unsafe, name = $name)]
        fn $seconds(
            $($before: $($before_type)+,)*
            $($defaulted: $($defaulted_type)+,)?
            $ttl: Option<f64>,
            $($after: $($after_type)+,)*
        ) -> $result {
            let $ttl = $crate::api::arguments::Ttl::from($ttl);
            $body
        }
    )+};
}
pub(super) use functions_with_ttl;
