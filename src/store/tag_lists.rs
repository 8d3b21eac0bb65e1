//! Tags as a caller lists them.
//!
//! Owns which lists are valid, and their order. Must never look anything up.

use super::carried::MOST_TAGS;
use crate::error::CacheError;
use crate::pg::TextArray;
use cache_pg_rules::key::Key;
use pgrx::IntoDatum;

/// A list of tags, which follow the rules for keys: in byte order, each once. SQL NULL lists none.
pub fn tag_names(list: Option<Vec<Option<String>>>) -> Result<Vec<String>, CacheError> {
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
pub fn tags(list: Option<Vec<Option<String>>>) -> Result<Option<TextArray>, CacheError> {
    let tags = tag_names(list)?;
    if tags.len() > MOST_TAGS {
        return Err(CacheError::TooManyTags { count: tags.len(), limit: MOST_TAGS });
    }
    Ok(if tags.is_empty() { None } else { tags.into_datum().map(TextArray) })
}
