//! Functions on tags.
//!
//! Owns their signatures and checks. Must never answer about entries that the caller may not see.

use super::answer::answer;
use super::arguments::tag_names;
use crate::access::{self, Verb};
use crate::error::{CacheError, ErrorReport};
use crate::pg::{BigintArray, TextArray};
use crate::stats::{self, Operation, observe};
use crate::{statement, store};
use pgrx::prelude::*;

/// Makes every entry that carries one of the tags a miss, from the commit of this transaction on; returns how many tags
/// that were. It is one small write for each tag, however many entries carry it, and does not wait.
#[pg_extern(
    volatile,
    parallel_unsafe,
    sql = r#"
CREATE FUNCTION cache_invalidate_tags(VARIADIC tags text[]) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'cache_invalidate_tags_wrapper';
"#
)]
fn cache_invalidate_tags(tags: Option<Vec<Option<String>>>) -> Result<i64, ErrorReport> {
    answer(None, || {
        let access = access::check(Verb::Delete)?;
        let tags = tag_names(tags)?;
        let names: Vec<&str> = tags.iter().map(String::as_str).collect();
        store::check_tags(&access, &names)?;
        observe(Operation::Delete, "cache_invalidate_tags", names.first().unwrap_or(&""), || {
            store::tags::invalidate(&access.tables, &names)
        })?;
        stats::count_invalidated_tags(names.len() as u64);
        Ok(names.len() as i64)
    })
}

/// Returns whether none of the tags of an entry has been invalidated since the entry was written. For queries on
/// `cache_entries`, and for the extension's own statements, which ask about entries that the caller sees.
#[pg_extern(stable, parallel_safe)]
fn cache_tags_hold(tags: Option<TextArray>, generations: Option<BigintArray>) -> Result<bool, ErrorReport> {
    let Some(tags) = tags else { return Ok(true) };
    // The function that runs the statement answers for it.
    if statement::is_running() {
        return Ok(hold(tags, generations)?);
    }
    answer(None, || hold(tags, generations))
}

fn hold(tags: TextArray, generations: Option<BigintArray>) -> Result<bool, CacheError> {
    let access = access::check(Verb::Read)?;
    if !access.has_rows() {
        // On a standby an unlogged table has no files, so there is no entry.
        return Ok(false);
    }
    if access.is_under_policies && !statement::is_running() {
        return store::tags_hold(&access, tags, generations);
    }
    Ok(store::tags::have_generations(&access.tables, tags, generations))
}
