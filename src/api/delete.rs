//! Functions that delete.
//!
//! Owns `cache_delete`, `cache_delete_many`, `cache_take` and `cache_clear`. Must never delete without a tombstone or a
//! fence: after it the store refuses values that were computed before it.

use super::answer::answer;
use super::arguments::{key, keys};
use super::{formatted, record_read};
use crate::access::{self, Verb};
use crate::ahead;
use crate::error::{CacheError, ErrorReport};
use crate::pg::{Bytea, Format, Jsonb, TextArray, Xid8};
use crate::stats::{self, Counter, Operation, observe};
use crate::store::{self, Condition, NewEntry};
use cache_pg_rules::key::Key;
use cache_pg_rules::namespace::{KeyRange, Namespace};
use pgrx::prelude::*;

/// Deletes an entry; returns whether a live one was deleted. With a version only the entry that still has it.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_delete(key: Option<&str>, version: default!(Option<Xid8>, "NULL")) -> Result<bool, ErrorReport> {
    answer(key, || {
        let key = self::key(key)?;
        match version {
            Some(version) => delete_version(key, version),
            None => Ok(delete("cache_delete", vec![key])? > 0),
        }
    })
}

fn delete_version(key: Key, version: Xid8) -> Result<bool, CacheError> {
    observe(Operation::Delete, "cache_delete", key.as_str(), || {
        let access = access::check(Verb::Delete)?;
        let deleted = store::put(&access, &NewEntry::tombstone(key), None, Condition::Version(version))?.is_some();
        stats::count(key, Counter::Deletes, deleted.into());
        Ok(deleted)
    })
}

/// Deletes entries, in the byte order of their keys; returns how many live ones were deleted.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_delete_many(keys: Option<TextArray>) -> Result<i64, ErrorReport> {
    answer(None, || delete("cache_delete_many", self::keys(keys.as_ref())?))
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
    answer(key, || take("cache_take", key))
}

/// As `cache_take`, for bytes.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_take_bytes(key: Option<&str>) -> Result<Option<Bytea>, ErrorReport> {
    answer(key, || take("cache_take_bytes", key))
}

fn take<F: Format>(name: &str, key: Option<&str>) -> Result<Option<F>, CacheError> {
    let key = self::key(key)?;
    let value = observe(Operation::Delete, name, key.as_str(), || {
        store::take(&access::check_all(&[Verb::Read, Verb::Delete])?, key)
    })?;
    record_read(key, value);
    stats::count(key, Counter::Deletes, 1);
    formatted(key, value)
}

/// Deletes every entry of a namespace, or of all, whose key begins with `prefix`; returns how many were live.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_clear(
    namespace: default!(Option<&str>, "NULL"),
    prefix: default!(Option<&str>, "NULL"),
) -> Result<i64, ErrorReport> {
    answer(None, || {
        let namespace = namespace.map(super::arguments::namespace).transpose()?;
        // The fence of a clear is that of one namespace or of all.
        let fenced = namespace.or_else(|| prefix.and_then(Namespace::of_prefix));
        let subject = prefix.unwrap_or_else(|| namespace.map_or("", Namespace::as_str));
        let gone = observe(Operation::Delete, "cache_clear", subject, || {
            let access = access::check(Verb::Delete)?;
            store::check_clear(&access, fenced)?;
            ahead::record_cleared(&access.tables, fenced);
            store::clear(&access, fenced, &KeyRange::of(namespace, prefix))
        })?;
        stats::count_cleared(fenced, gone as u64);
        Ok(gone)
    })
}
