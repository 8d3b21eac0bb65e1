//! Counting.

use super::key;
use crate::access::{self, Verb};
use crate::clock;
use crate::error::CacheError;
use crate::namespaces;
use crate::store;
use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Adds to the integer of an entry and returns the sum; atomic. An absent entry starts at 0 with `ttl`, a live one
/// keeps its deadline.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_incr(
    key: Option<&str>,
    delta: default!(Option<i64>, 1),
    ttl: default!(Option<Interval>, "NULL"),
) -> Result<i64, ErrorReport> {
    access::check(Verb::Read)?;
    let access = access::check(Verb::Write)?;
    let key = self::key(key)?;
    let now = clock::now();
    let deadline = namespaces::of(&access.home, key).deadline(ttl, now)?;
    let sum = store::incr(&access, key, delta.unwrap_or(1), deadline, now);
    Ok(sum.ok_or_else(|| CacheError::NotAnInteger(key.as_str().into()))?)
}
