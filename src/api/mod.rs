//! The SQL functions.
//!
//! Owns the signature of each function, its volatility and its parallel safety. It parses arguments into types that
//! cannot be wrong, checks access, calls the [`crate::store`], and counts the outcome. Must never do anything else. The
//! contract is in `docs/reference.md`.

pub mod configure;
pub mod delete;
pub mod fetch;
pub mod install;
pub mod monitor;
pub mod read;
pub mod read_through;
pub mod sweep;
pub mod tags;
pub mod watch;
pub mod write;

use crate::pg::{Jsonb, TextArray};
use crate::{error::CacheError, evict, stats, store::MOST_TAGS};
use cache_pg_rules::key::Key;
use cache_pg_rules::namespace::{KeyRange, Namespace};
use pgrx::IntoDatum;

/// The key argument of a function.
fn key(text: Option<&str>) -> Result<Key<'_>, CacheError> {
    let text = text.ok_or(CacheError::NullKey)?;
    Key::parse(text).map_err(|why| CacheError::Key(text.into(), why))
}

/// An argument that lists keys. SQL NULL lists none.
fn keys(list: &Option<Vec<Option<String>>>) -> Result<Vec<Key<'_>>, CacheError> {
    list.iter().flatten().map(|text| key(text.as_deref())).collect()
}

/// An argument that lists tags, which follow the rules for keys: in byte order, each once. SQL NULL lists none.
fn tag_names(list: Option<Vec<Option<String>>>) -> Result<Vec<String>, CacheError> {
    let mut tags = list
        .unwrap_or_default()
        .into_iter()
        .map(|tag| {
            let tag = tag.ok_or(CacheError::NullTag)?;
            Key::parse(&tag).map_err(|why| CacheError::Tag(tag.clone(), why))?;
            Ok(tag)
        })
        .collect::<Result<Vec<_>, CacheError>>()?;
    tags.sort_unstable();
    tags.dedup();
    Ok(tags)
}

/// The tags of an entry as an array. None: it has no tags.
fn tags(list: Option<Vec<Option<String>>>) -> Result<Option<TextArray>, CacheError> {
    let tags = tag_names(list)?;
    if tags.len() > MOST_TAGS {
        return Err(CacheError::TooManyTags { count: tags.len(), limit: MOST_TAGS });
    }
    Ok(if tags.is_empty() { None } else { tags.into_datum().map(TextArray) })
}

/// An argument that names a namespace.
fn namespace(text: &str) -> Result<Namespace<'_>, CacheError> {
    Namespace::parse(text).map_err(|why| CacheError::Namespace(text.into(), why))
}

/// Records that a value was requested, and whether it was found.
fn record_read(key: Key, value: Option<Jsonb>) {
    stats::count_read(key, value);
    evict::record_read(key, value.is_some());
}

/// The keys of a namespace. None: all keys.
fn key_range(text: Option<&str>) -> Result<Option<KeyRange>, CacheError> {
    text.map(|text| namespace(text).map(Namespace::keys)).transpose()
}
