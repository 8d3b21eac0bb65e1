//! Functions that watch tables. The owner may grant EXECUTE on them.
//!
//! Owns their signatures. Must never watch a table that the caller does not own: `watch` checks that.

use super::answer::answer_with_warning;
use crate::error::{CacheError, ErrorReport};
use crate::pg::Regclass;
use crate::watch::{self, Watch};
use pgrx::pg_sys::Oid;
use pgrx::prelude::*;

/// Watches `source`: from now on each change of a row, by any statement, deletes the keys and invalidates the tags of
/// the old and the new row. Both are templates such as `tenant:{slug}`. They replace earlier templates of the table.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_watch(
    source: Option<Regclass>,
    keys: default!(Option<Vec<Option<String>>>, "NULL"),
    tags: default!(Option<Vec<Option<String>>>, "NULL"),
) -> Result<(), ErrorReport> {
    answer_with_warning(|| watch::tree::watch(table(source)?, &Watch::new(keys, tags)?))
}

/// Stops watching a table; returns whether it was watched.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_unwatch(source: Option<Regclass>) -> Result<bool, ErrorReport> {
    answer_with_warning(|| watch::tree::unwatch(table(source)?))
}

/// Returns the templates of a trigger, from its `tgargs`; no row if `cache_watch` did not create it.
#[pg_extern(immutable, strict, parallel_safe)]
fn cache_watch_templates(
    argument: &[u8],
) -> TableIterator<'static, (name!(keys, Vec<String>), name!(tags, Vec<String>))> {
    TableIterator::new(Watch::from_tgargs(argument).and_then(|watch| watch.texts()))
}

fn table(source: Option<Regclass>) -> Result<Oid, CacheError> {
    source.map(Regclass::oid).ok_or(CacheError::NullTable)
}
