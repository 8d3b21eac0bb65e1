//! Tags and clears under row security.
//!
//! A tag reaches entries of all roles, and so does the fence of a clear, whatever the policies on `cache_entries` say.
//! So where row security applies to the caller, policies on `cache_tags` say which tags the caller may use. Owns these
//! checks. Must never allow a tag where `cache_tags` has no such policy.

use super::{carried, fence_tags::fence_of, trial};
use crate::access::{self, Access};
use crate::error::{CacheError, TagVerb};
use crate::pg::{BigintArray, TextArray};
use crate::statement::{IntoParam, Statement, statement};
use cache_pg_rules::namespace::Namespace;

static TAGS_HOLD: Statement = statement!("tags_hold.sql", [TEXTARRAYOID, INT8ARRAYOID]);

/// Checks that the caller may invalidate the tags.
///
/// # Errors
/// [`CacheError::TagDenied`].
pub fn check_tags(access: &Access, tags: &[&str]) -> Result<(), CacheError> {
    tags.iter().try_for_each(|tag| check(access, tag, TagVerb::Invalidate, tag))
}

/// Checks that the caller may clear a namespace, or all: that it may write the tag of the fence.
///
/// # Errors
/// [`CacheError::TagDenied`].
pub fn check_clear(access: &Access, namespace: Option<Namespace>) -> Result<(), CacheError> {
    let (verb, name) = namespace.map_or((TagVerb::ClearAll, ""), |namespace| (TagVerb::Clear, namespace.as_str()));
    check(access, &fence_of(namespace), verb, name)
}

fn check(access: &Access, tag: &str, verb: TagVerb, name: &str) -> Result<(), CacheError> {
    pgrx::check_for_interrupts!();
    if !access.is_under_policies || has_policies(access) && trial::may_insert_tag(access, tag) {
        return Ok(());
    }
    Err(denied(access, verb, name))
}

/// Whether the tags have these generations, by the rows of `cache_tags` that the caller may see.
///
/// # Errors
/// [`CacheError::TagDenied`]; PostgreSQL's own error if the privilege is missing.
pub fn hold(access: &Access, tags: TextArray, generations: Option<BigintArray>) -> Result<bool, CacheError> {
    if !has_policies(access) {
        return Err(denied(access, TagVerb::See, ""));
    }
    if carried::parse(tags, generations).is_none() {
        return Ok(false);
    }
    let params = [tags.param(), generations.param()];
    Ok(access.run(|tables| TAGS_HOLD.read(tables, &params, |rows| rows.get(0, 1))) == Some(true))
}

fn has_policies(access: &Access) -> bool {
    access::has_policies_for_caller(access.tables.tags)
}

fn denied(access: &Access, verb: TagVerb, name: &str) -> CacheError {
    let table = format!("{}.cache_tags", access.tables.schema);
    CacheError::TagDenied { verb, name: name.into(), table, role: access::current_role() }
}
