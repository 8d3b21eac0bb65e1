//! Functions that delete.
//!
//! Owns `cache_delete`, `cache_delete_many`, `cache_take` and `cache_clear`. Must never delete without a tombstone or a
//! fence: after it the store refuses values that were computed before it.

use super::{key, keys};
use crate::access::{self, Verb};
use crate::error::{CacheError, ErrorReport};
use crate::stats::{self, Counter, Operation, observe};
use crate::{pg::Jsonb, store};
use cache_pg_rules::{key::Key, namespace::Namespace};
use pgrx::prelude::*;

/// Deletes an entry; returns whether a live one was deleted.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_delete(key: Option<&str>) -> Result<bool, ErrorReport> {
    let key = self::key(key)?;
    Ok(delete("cache_delete", vec![key])? > 0)
}

/// Deletes entries, in the byte order of their keys; returns how many live ones were deleted.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_delete_many(keys: Option<Vec<Option<String>>>) -> Result<i64, ErrorReport> {
    Ok(delete("cache_delete_many", self::keys(&keys)?)?)
}

fn delete(name: &str, keys: Vec<Key>) -> Result<i64, CacheError> {
    let first = keys.first().map_or("", |key| key.as_str());
    observe(Operation::Delete, name, first, || {
        let access = access::check(Verb::Delete)?;
        keys.iter().for_each(|&key| stats::count(key, Counter::Deletes, 1));
        store::delete(&access, keys)
    })
}

/// Deletes an entry; returns its value, NULL on a miss. Atomic: of two callers one gets the value.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_take(key: Option<&str>) -> Result<Option<Jsonb>, ErrorReport> {
    let key = self::key(key)?;
    let value = observe(Operation::Delete, "cache_take", key.as_str(), || {
        store::take(&access::check_all(&[Verb::Read, Verb::Delete])?, key)
    })?;
    super::record_read(key, value);
    stats::count(key, Counter::Deletes, 1);
    Ok(value)
}

/// Deletes every entry of a namespace, or of all; returns how many were live.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_clear(namespace: default!(Option<&str>, "NULL")) -> Result<i64, ErrorReport> {
    let namespace = namespace.map(super::namespace).transpose()?;
    let subject = namespace.map_or("", Namespace::as_str);
    let gone = observe(Operation::Delete, "cache_clear", subject, || {
        let access = access::check(Verb::Delete)?;
        store::check_clear(&access, namespace)?;
        store::clear(&access, namespace)
    })?;
    stats::count_cleared(namespace, gone as u64);
    Ok(gone)
}
