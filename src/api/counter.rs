//! Counting.
//!
//! Owns `cache_incr`. Must never read the entry itself: the store increments it.

use super::key;
use crate::access::{self, Verb};
use crate::error::ErrorReport;
use crate::pg::clock;
use crate::stats::{self, Counter, Operation, observe};
use crate::{namespaces, store};
use pgrx::datum::Interval;
use pgrx::prelude::*;

/// Adds to the integer of an entry, atomically; returns the sum. An absent entry starts at 0 with `ttl`. A live one
/// keeps its deadline.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_incr(
    key: Option<&str>,
    delta: default!(Option<i64>, 1),
    ttl: default!(Option<Interval>, "NULL"),
) -> Result<i64, ErrorReport> {
    let key = self::key(key)?;
    let sum = observe(Operation::Set, "cache_incr", key.as_str(), || {
        let access = access::check_all(&[Verb::Read, Verb::Write])?;
        let deadline = namespaces::of(&access.tables, key).deadline(ttl, clock::now())?;
        store::incr(&access, key, delta.unwrap_or(1), deadline)
    })?;
    stats::count(key, Counter::Sets, 1);
    Ok(sum)
}
