//! Functions that read.
//!
//! Owns their signatures. Must never write: all are STABLE and PARALLEL SAFE, except the one that catches errors.

use super::answer::{answer, swallow};
use super::arguments::key;
use super::{formatted, record_read};
use crate::access::{self, Verb};
use crate::error::{CacheError, ErrorReport};
use crate::pg::{Bytea, Format, Jsonb, TextArray, Timestamp, Xid8, clock};
use crate::settings::Errors;
use crate::stats::{Operation, observe};
use crate::{evict, store};
use cache_pg_rules::{compose::compose, namespace::KeyRange};
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;

/// Returns the value of a live entry; NULL on a miss.
#[pg_extern(stable, parallel_safe)]
fn cache_get(key: Option<&str>) -> Result<Option<Jsonb>, ErrorReport> {
    answer(key, || get("cache_get", key))
}

/// As `cache_get`, for bytes. Of an entry that holds JSON it returns the text.
#[pg_extern(stable, parallel_safe)]
fn cache_get_bytes(key: Option<&str>) -> Result<Option<Bytea>, ErrorReport> {
    answer(key, || get("cache_get_bytes", key))
}

fn get<F: Format>(name: &str, key: Option<&str>) -> Result<Option<F>, CacheError> {
    let key = self::key(key)?;
    observe(Operation::Get, name, key.as_str(), || {
        evict::prefetch(key);
        let value = store::get(&access::check(Verb::Read)?, key);
        record_read(key, value);
        formatted(key, value)
    })
}

/// As `cache_get`, but returns NULL instead of raising. Only cancel and shutdown pass. It runs in a subtransaction,
/// which parallel workers cannot start before PostgreSQL 17.
#[pg_extern(stable, parallel_unsafe)]
fn cache_get_or_null(key: Option<&str>) -> Option<Jsonb> {
    swallow(key, Errors::Ignore, || get("cache_get_or_null", key)).flatten()
}

/// Returns whether there is a live entry.
#[pg_extern(stable, parallel_safe)]
fn cache_exists(key: Option<&str>) -> Result<bool, ErrorReport> {
    answer(key, || Ok(expires_at(key)?.is_some()))
}

fn expires_at(key: Option<&str>) -> Result<Option<Timestamp>, CacheError> {
    Ok(store::expires_at(&access::check(Verb::Read)?, self::key(key)?))
}

/// How long after now, in microseconds. The clock has moved since the look-up. The result is never negative.
fn until(deadline: Timestamp) -> i64 {
    deadline.0.saturating_sub(clock::now().0).max(0)
}

/// Returns the remaining time of a live entry; NULL on a miss. Without a deadline: the infinite interval.
#[pg_extern(stable, parallel_safe)]
fn cache_ttl(key: Option<&str>) -> Result<Option<Interval>, ErrorReport> {
    let remaining = |deadline| match deadline {
        Timestamp::FOREVER => clock::endless(),
        _ => Interval::new(0, 0, until(deadline)).ok(),
    };
    answer(key, || Ok(expires_at(key)?.and_then(remaining)))
}

/// Returns the remaining time of a live entry in seconds; NULL on a miss. Without a deadline: Infinity.
#[pg_extern(stable, parallel_safe)]
fn cache_ttl_seconds(key: Option<&str>) -> Result<Option<f64>, ErrorReport> {
    let remaining = |deadline| match deadline {
        Timestamp::FOREVER => f64::INFINITY,
        _ => until(deadline) as f64 / 1e6,
    };
    answer(key, || Ok(expires_at(key)?.map(remaining)))
}

/// Returns the deadline of a live entry, `infinity` without one; NULL on a miss.
#[pg_extern(stable, parallel_safe)]
fn cache_expires_at(key: Option<&str>) -> Result<Option<TimestampWithTimeZone>, ErrorReport> {
    answer(key, || Ok(expires_at(key)?.map(Into::into)))
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
            name!(value, Option<Jsonb>),
            name!(tags, Option<TextArray>),
            name!(version, Xid8),
            name!(created_at, TimestampWithTimeZone),
            name!(updated_at, TimestampWithTimeZone),
            name!(expires_at, TimestampWithTimeZone),
            name!(stale_until, TimestampWithTimeZone),
            name!(bytes, Option<Bytea>),
        ),
    >,
    ErrorReport,
> {
    let entry = answer(key, || Ok(store::entry(&access::check(Verb::Read)?, self::key(key)?)))?;
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
            entry.bytes,
        )
    })))
}

/// Returns the keys of live entries that begin with `prefix`, in byte order, one page at a time. The last key of a page
/// is `after` of the next.
#[pg_extern(stable, parallel_safe)]
fn cache_keys(
    namespace: default!(Option<&str>, "NULL"),
    after: default!(Option<&str>, "NULL"),
    max_keys: default!(Option<i32>, 1000),
    prefix: default!(Option<&str>, "NULL"),
) -> Result<SetOfIterator<'static, String>, ErrorReport> {
    let keys = answer(None, || {
        let max_keys = max_keys.unwrap_or(1000);
        if max_keys < 1 {
            return Err(CacheError::NotPositive("max_keys", max_keys));
        }
        let range = range(namespace, prefix)?;
        Ok(store::keys(&access::check(Verb::Read)?, &range, after, max_keys))
    })?;
    Ok(SetOfIterator::new(keys))
}

/// Returns how many live entries a namespace has, or all have, whose keys begin with `prefix`.
#[pg_extern(stable, parallel_safe)]
fn cache_count(
    namespace: default!(Option<&str>, "NULL"),
    prefix: default!(Option<&str>, "NULL"),
) -> Result<i64, ErrorReport> {
    answer(None, || {
        let range = range(namespace, prefix)?;
        Ok(store::count(&access::check(Verb::Read)?, &range))
    })
}

fn range(namespace: Option<&str>, prefix: Option<&str>) -> Result<KeyRange, CacheError> {
    Ok(KeyRange::of(namespace.map(super::arguments::namespace).transpose()?, prefix))
}

/// Joins texts to a key: a valid one as it is, any other with a hash at its end. NULL if one of the texts is NULL.
#[pg_extern(
    immutable,
    strict,
    parallel_safe,
    sql = r#"
CREATE FUNCTION cache_key(VARIADIC parts text[]) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cache_key_wrapper';
"#
)]
fn cache_key(parts: TextArray) -> Option<String> {
    parts.elements().into_iter().collect::<Option<Vec<_>>>().map(compose)
}
