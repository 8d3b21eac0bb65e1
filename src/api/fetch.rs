//! Functions for values that are computed outside the database.
//!
//! Owns `cache_fetch`, `cache_fill` and `cache_release`. Must never store a value without a token.

use super::answer::answer;
use super::arguments::{expiry, functions_with_ttl, key, tags};
use super::formatted;
use crate::access::{self, Verb};
use crate::error::{CacheError, ErrorReport};
use crate::namespaces::{self, Expiry};
use crate::pg::{Bytea, Format, Jsonb, Value, clock};
use crate::stats::{self, Operation, observe};
use crate::{evict, shared::secret, store};
use cache_pg_rules::{key::Key, token::Token};
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;
use std::time::Duration;

/// Returns the value of an entry. On a miss one caller gets a token: the right to compute the value and to store it
/// with `cache_fill`. The other callers can wait for the value.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::type_complexity, reason = "the row type of the function, spelled out for the generator")]
fn cache_fetch(
    key: Option<&str>,
    wait: default!(Option<Interval>, "'0'"),
) -> Result<
    TableIterator<
        'static,
        (name!(found, bool), name!(value, Option<Jsonb>), name!(stale, bool), name!(token, Option<String>)),
    >,
    ErrorReport,
> {
    Ok(TableIterator::once(answer(key, || fetch("cache_fetch", key, wait))?))
}

/// As `cache_fetch`, for bytes.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::type_complexity, reason = "the row type of the function, spelled out for the generator")]
fn cache_fetch_bytes(
    key: Option<&str>,
    wait: default!(Option<Interval>, "'0'"),
) -> Result<
    TableIterator<
        'static,
        (name!(found, bool), name!(value, Option<Bytea>), name!(stale, bool), name!(token, Option<String>)),
    >,
    ErrorReport,
> {
    Ok(TableIterator::once(answer(key, || fetch("cache_fetch_bytes", key, wait))?))
}

/// Whether there is a value, the value, whether it is stale, and a token.
type Fetched<F> = (bool, Option<F>, bool, Option<String>);

fn fetch<F: Format>(name: &str, key: Option<&str>, wait: Option<Interval>) -> Result<Fetched<F>, CacheError> {
    let key = self::key(key)?;
    let access = access::check_all(&[Verb::Read, Verb::Fill])?;
    let namespace = namespaces::of(&access.tables, key);
    let now = clock::now();
    let wait = wait.map_or(0, |wait| clock::after(now, wait).0.saturating_sub(now.0).max(0));
    let wait = Duration::from_micros(wait as u64);
    let fetched = observe(Operation::Get, name, key.as_str(), || store::fetch(&access, key, &namespace, wait))?;
    stats::count_fetched(key, fetched.value, fetched.stale);
    evict::record_read(key, fetched.value.is_some());
    let value = formatted(key, fetched.value)?;
    Ok((value.is_some(), value, fetched.stale, fetched.token))
}

functions_with_ttl! {
    /// Stores a value that was computed under a token, unless it could be stale. Never waits and never raises for
    /// contention. Without a token it does nothing, and does not raise in a read-only transaction.
    fn cache_fill, cache_fill_text, cache_fill_seconds as "cache_fill"(
        key: [Option<&str>], value: [Option<Jsonb>], token: [Option<&str>];
        ttl;
        tags: [default!(Option<Vec<Option<String>>>, "NULL")],
        expires_at: [default!(Option<TimestampWithTimeZone>, "NULL")]
    ) -> [Result<bool, ErrorReport>] {
        let value = value.map(Format::value);
        answer(key, || fill("cache_fill", key, value, token, tags, || expiry(ttl, expires_at)))
    }

    /// As `cache_fill`, for bytes.
    fn cache_fill_bytes, cache_fill_bytes_text, cache_fill_bytes_seconds as "cache_fill_bytes"(
        key: [Option<&str>], value: [Option<Bytea>], token: [Option<&str>];
        ttl;
        tags: [default!(Option<Vec<Option<String>>>, "NULL")],
        expires_at: [default!(Option<TimestampWithTimeZone>, "NULL")]
    ) -> [Result<bool, ErrorReport>] {
        let value = value.map(Format::value);
        answer(key, || fill("cache_fill_bytes", key, value, token, tags, || expiry(ttl, expires_at)))
    }
}

fn fill(
    name: &str,
    key: Option<&str>,
    value: Option<Value>,
    token: Option<&str>,
    tags: Option<Vec<Option<String>>>,
    expiry: impl FnOnce() -> Result<Expiry, CacheError>,
) -> Result<bool, CacheError> {
    let access = access::check(verb_under(token))?;
    let key = self::key(key)?;
    let value = value.ok_or(CacheError::NullValue)?;
    let token = self::token(token, key)?;
    let tags = self::tags(tags)?;
    let now = clock::now();
    let new = super::write::new_entry(&access, key, Some(value), expiry()?, now)?;
    let took = token.as_ref().map(|token| token.age_at(now.0));
    stats::count_loaded(key, took);
    let Some(token) = token else { return Ok(false) };
    let stored = observe(Operation::Fill, name, key.as_str(), || store::fill(&access, &new, &token, tags))?;
    stats::count_filled(key, value, stored);
    Ok(stored)
}

/// Gives back the right to compute a value; returns whether the caller still had it.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_release(key: Option<&str>, token: Option<&str>) -> Result<bool, ErrorReport> {
    answer(key, || {
        let access = access::check(verb_under(token))?;
        let key = self::key(key)?;
        let token = self::token(token, key)?;
        token.map_or(Ok(false), |token| store::release(&access, key, &token))
    })
}

/// The verb to check. Without a token the caller writes nothing, so the same code of an application works on a standby.
fn verb_under(token: Option<&str>) -> Verb {
    if token.is_some() { Verb::Write } else { Verb::Fill }
}

/// The token argument. `cache_fetch` returns SQL NULL where nothing may be stored.
fn token(text: Option<&str>, key: Key) -> Result<Option<Token>, CacheError> {
    text.map(|text| Token::decode(text, key.as_str(), &secret::of_tokens()).map_err(CacheError::Token)).transpose()
}
