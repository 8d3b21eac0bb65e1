//! Functions that delete. A key that is named is safe against a value that was computed before and arrives late;
//! cache_clear buries what is there.

use super::{key, key_range, keys};
use crate::access::{self, Verb};
use crate::datum::Jsonb;
use crate::store;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Deletes an entry; returns whether a live one went.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_delete(key: Option<&str>) -> Result<bool, ErrorReport> {
    Ok(store::delete(&access::check(Verb::Delete)?, vec![self::key(key)?]) > 0)
}

/// Deletes entries, in key order; returns how many live ones went.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_delete_many(keys: Option<Vec<Option<String>>>) -> Result<i64, ErrorReport> {
    Ok(store::delete(&access::check(Verb::Delete)?, self::keys(&keys)?))
}

/// Deletes an entry and returns its value; NULL on a miss. Atomic: of two callers one gets it.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_take(key: Option<&str>) -> Result<Option<Jsonb>, ErrorReport> {
    let key = self::key(key)?;
    access::check(Verb::Read)?;
    Ok(store::take(&access::check(Verb::Delete)?, key))
}

/// Deletes every entry of a namespace, or all; returns how many were live.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_clear(namespace: default!(Option<&str>, "NULL")) -> Result<i64, ErrorReport> {
    let range = key_range(namespace)?;
    Ok(store::clear(&access::check(Verb::Delete)?, range))
}
