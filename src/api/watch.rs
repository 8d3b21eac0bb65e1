//! Functions that watch tables. EXECUTE is the owner's to grant, and each asks for the ownership of the table.

use crate::error::CacheError;
use crate::pg::datum::Regclass;
use crate::watch::{self, Watch};
use pgrx::pg_sys::Oid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// From now on a change of a row of `source`, by whatever statement, deletes the keys and invalidates the tags of its
/// old and its new row: templates such as `tenant:{slug}`. In place of what it was watched for.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_watch(
    source: Option<Regclass>,
    keys: default!(Option<Vec<Option<String>>>, "NULL"),
    tags: default!(Option<Vec<Option<String>>>, "NULL"),
) -> Result<(), ErrorReport> {
    let table = table(source)?;
    Ok(watch::tree::watch(table, &Watch::new(keys, tags)?)?)
}

/// Watches a table no more; returns whether it was.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_unwatch(source: Option<Regclass>) -> Result<bool, ErrorReport> {
    Ok(watch::tree::unwatch(table(source)?)?)
}

/// What a trigger was told, from its `tgargs`; no row where `cache_watch` has not made it.
#[pg_extern(immutable, strict, parallel_safe)]
fn cache_watch_templates(
    argument: &[u8],
) -> TableIterator<'static, (name!(keys, Vec<String>), name!(tags, Vec<String>))> {
    TableIterator::new(Watch::of_trigger(argument).and_then(|watch| watch.texts()))
}

fn table(source: Option<Regclass>) -> Result<Oid, CacheError> {
    source.map(Regclass::oid).ok_or(CacheError::NullTable)
}
