//! Functions that read.
//!
//! Owns their signatures. Must never write: all are STABLE and PARALLEL SAFE, except the one that catches errors.

use super::{key, key_range, keys, record_read};
use crate::access::{self, Verb};
use crate::error::{CacheError, ErrorReport};
use crate::pg::{Jsonb, TextArray, Timestamp, Xid8, attempt, clock};
use crate::stats::{self, Operation, observe};
use crate::store;
use cache_pg_rules::key::Key;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;
use std::collections::HashSet;

/// Returns the value of a live entry; NULL on a miss.
#[pg_extern(stable, parallel_safe)]
fn cache_get(key: Option<&str>) -> Result<Option<Jsonb>, ErrorReport> {
    Ok(get("cache_get", self::key(key)?)?)
}

fn get(name: &str, key: Key) -> Result<Option<Jsonb>, CacheError> {
    observe(Operation::Get, name, key.as_str(), || {
        let value = store::get(&access::check(Verb::Read)?, key);
        record_read(key, value);
        Ok(value)
    })
}

/// As `cache_get`, but returns NULL instead of raising. Only cancel and shutdown pass. It runs in a subtransaction,
/// which parallel workers cannot start before PostgreSQL 17.
#[pg_extern(stable, parallel_unsafe)]
fn cache_get_or_null(key: Option<&str>) -> Option<Jsonb> {
    let key = self::key(key).ok();
    let value = key.and_then(|key| attempt(|| get("cache_get_or_null", key)).and_then(Result::ok));
    if value.is_none() {
        stats::count_error(key);
    }
    value.flatten()
}

/// Returns whether there is a live entry.
#[pg_extern(stable, parallel_safe)]
fn cache_exists(key: Option<&str>) -> Result<bool, ErrorReport> {
    Ok(store::expires_at(&access::check(Verb::Read)?, self::key(key)?).is_some())
}

/// Returns the remaining time of a live entry; NULL on a miss. Without a deadline: the infinite interval.
#[pg_extern(stable, parallel_safe)]
fn cache_ttl(key: Option<&str>) -> Result<Option<Interval>, ErrorReport> {
    let expires_at = store::expires_at(&access::check(Verb::Read)?, self::key(key)?);
    Ok(expires_at.and_then(|deadline| match deadline {
        Timestamp::FOREVER => clock::endless(),
        // The clock has moved since the look-up. The result is never negative.
        Timestamp(micros) => Interval::new(0, 0, (micros - clock::now().0).max(0)).ok(),
    }))
}

/// Returns the deadline of a live entry, `infinity` without one; NULL on a miss.
#[pg_extern(stable, parallel_safe)]
fn cache_expires_at(key: Option<&str>) -> Result<Option<TimestampWithTimeZone>, ErrorReport> {
    Ok(store::expires_at(&access::check(Verb::Read)?, self::key(key)?).map(Into::into))
}

/// Returns a live entry with all its columns; no row on a miss.
#[pg_extern(stable, parallel_safe)]
#[allow(clippy::type_complexity, reason = "the row type of the function, spelled out for the generator")]
fn cache_entry(
    key: Option<&str>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(key, String),
            name!(value, Jsonb),
            name!(tags, Option<TextArray>),
            name!(version, Xid8),
            name!(created_at, TimestampWithTimeZone),
            name!(updated_at, TimestampWithTimeZone),
            name!(expires_at, TimestampWithTimeZone),
            name!(stale_until, TimestampWithTimeZone),
        ),
    >,
    ErrorReport,
> {
    let entry = store::entry(&access::check(Verb::Read)?, self::key(key)?);
    Ok(TableIterator::new(entry.into_iter().map(|entry| {
        (
            entry.key,
            entry.value,
            entry.tags,
            entry.version,
            entry.created_at.into(),
            entry.updated_at.into(),
            entry.expires_at.into(),
            entry.stale_until.into(),
        )
    })))
}

/// Returns the live entries of these keys, in the order of `keys`, each once.
#[pg_extern(stable, parallel_safe)]
#[allow(clippy::type_complexity, reason = "the row type of the function, spelled out for the generator")]
fn cache_get_many(
    keys: Option<Vec<Option<String>>>,
) -> Result<TableIterator<'static, (name!(key, String), name!(value, Jsonb))>, ErrorReport> {
    let access = access::check(Verb::Read)?;
    let keys = self::keys(&keys)?;
    let first = keys.first().map_or("", |key| key.as_str());
    let found = observe(Operation::Get, "cache_get_many", first, || store::get_many(&access, &keys));
    record_reads(&keys, &found);
    Ok(TableIterator::new(found))
}

/// Records the keys of one call, each once. `found` holds the values in the order of `keys`.
fn record_reads(keys: &[Key], found: &[(String, Jsonb)]) {
    let mut noted = HashSet::new();
    let mut found = found.iter().peekable();
    for key in keys {
        let value = found.next_if(|(name, _)| name == key.as_str()).map(|&(_, value)| value);
        if noted.insert(key.as_str()) {
            record_read(*key, value);
        }
    }
}

/// Returns the keys of live entries in byte order, one page at a time. The last key of a page is `after` of the next.
#[pg_extern(stable, parallel_safe)]
fn cache_keys(
    namespace: default!(Option<&str>, "NULL"),
    after: default!(Option<&str>, "NULL"),
    max_keys: default!(Option<i32>, 1000),
) -> Result<SetOfIterator<'static, String>, ErrorReport> {
    let max_keys = max_keys.unwrap_or(1000);
    if max_keys < 1 {
        Err(CacheError::NotPositive("max_keys", max_keys))?;
    }
    let range = key_range(namespace)?;
    Ok(SetOfIterator::new(store::keys(&access::check(Verb::Read)?, range, after, max_keys)))
}
