//! Functions that write values.

use super::{key, tags};
use crate::access::{self, Access, Verb};
use crate::clock;
use crate::datum::{Jsonb, TextArray, Timestamp, Xid8};
use crate::error::CacheError;
use crate::namespaces::{self, Deadline};
use crate::settings;
use crate::statement::{IntoParam, Statement, statement};
use crate::store::{self, Condition, New};
use crate::subtransaction::attempt;
use cache_pg_rules::key::Key;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

static EACH: Statement = statement!("each.sql", [JSONBOID]);

/// Arguments of a write, checked.
struct Checked<'a> {
    access: Access,
    new: New<'a>,
    tags: Option<TextArray>,
    now: Timestamp,
}

impl<'a> Checked<'a> {
    fn new(
        key: Option<&'a str>,
        value: Option<Jsonb>,
        ttl: Option<Interval>,
        tags: Option<Vec<Option<String>>>,
    ) -> Result<Self, CacheError> {
        let access = access::check(Verb::Write)?;
        let now = clock::now();
        let new = new_entry(&access, self::key(key)?, value.ok_or(CacheError::NullValue)?, ttl, now)?;
        Ok(Self { access, new, tags: self::tags(tags)?, now })
    }

    fn put(&self, condition: Condition) -> bool {
        store::put(&self.access, &self.new, self.tags, self.now, condition)
    }
}

fn new_entry<'a>(
    access: &Access,
    key: Key<'a>,
    value: Jsonb,
    ttl: Option<Interval>,
    now: Timestamp,
) -> Result<New<'a>, CacheError> {
    let namespace = namespaces::of(&access.home, key);
    namespace.admit(key, value)?;
    Ok(New { key, value, deadline: namespace.deadline(ttl, now)? })
}

/// Creates or replaces an entry and returns its deadline. `created_at` is kept while a live entry is replaced.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_set(
    key: Option<&str>,
    value: Option<Jsonb>,
    ttl: default!(Option<Interval>, "NULL"),
    tags: default!(Option<Vec<Option<String>>>, "NULL"),
) -> Result<TimestampWithTimeZone, ErrorReport> {
    let checked = Checked::new(key, value, ttl, tags)?;
    checked.put(Condition::Always);
    Ok(checked.new.deadline.expires_at.into())
}

/// As cache_set, and false where that would raise; only cancel and shutdown pass.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_try_set(
    key: Option<&str>,
    value: Option<Jsonb>,
    ttl: default!(Option<Interval>, "NULL"),
    tags: default!(Option<Vec<Option<String>>>, "NULL"),
) -> bool {
    attempt(|| Checked::new(key, value, ttl, tags).map(|checked| checked.put(Condition::Always)).is_ok())
        .unwrap_or(false)
}

/// As above, with the ttl as text; a malformed one is false too.
#[pg_extern(volatile, parallel_unsafe, name = "cache_try_set")]
fn cache_try_set_text(
    key: Option<&str>,
    value: Option<Jsonb>,
    ttl: Option<&str>,
    tags: default!(Option<Vec<Option<String>>>, "NULL"),
) -> bool {
    attempt(|| {
        let ttl = ttl.map(clock::parse_interval);
        Checked::new(key, value, ttl.flatten(), tags).map(|checked| checked.put(Condition::Always)).is_ok()
    })
    .unwrap_or(false)
}

/// Writes the entry only if no live one has the key; atomic. Returns whether it did.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_add(
    key: Option<&str>,
    value: Option<Jsonb>,
    ttl: default!(Option<Interval>, "NULL"),
    tags: default!(Option<Vec<Option<String>>>, "NULL"),
) -> Result<bool, ErrorReport> {
    Ok(Checked::new(key, value, ttl, tags)?.put(Condition::Absent))
}

/// Writes the entry only if a live one has the key; atomic. Returns whether it did.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_replace(
    key: Option<&str>,
    value: Option<Jsonb>,
    ttl: default!(Option<Interval>, "NULL"),
    tags: default!(Option<Vec<Option<String>>>, "NULL"),
) -> Result<bool, ErrorReport> {
    Ok(Checked::new(key, value, ttl, tags)?.put(Condition::Live))
}

/// Writes the entry only if the live one still has this version (from cache_entry); atomic.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_cas(
    key: Option<&str>,
    value: Option<Jsonb>,
    version: Option<Xid8>,
    ttl: default!(Option<Interval>, "NULL"),
    tags: default!(Option<Vec<Option<String>>>, "NULL"),
) -> Result<bool, ErrorReport> {
    let checked = Checked::new(key, value, ttl, tags)?;
    // No version compares equal to NULL: what was a miss when it was read is not replaced.
    Ok(version.is_some_and(|version| checked.put(Condition::Version(version))))
}

/// Sets every key of a JSON object to its value, in one statement and in key order; returns how many.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_set_many(
    entries: Option<Jsonb>,
    ttl: default!(Option<Interval>, "NULL"),
    tags: default!(Option<Vec<Option<String>>>, "NULL"),
) -> Result<i64, ErrorReport> {
    let access = access::check(Verb::Write)?;
    let entries = entries.ok_or(CacheError::NullValue)?;
    if !entries.is_object() {
        Err(CacheError::NotAnObject)?;
    }
    let tags = self::tags(tags)?;
    let now = clock::now();
    let entries: Vec<(String, Jsonb)> = EACH.read(&access.home, &[entries.param()], |rows| {
        (0..rows.len()).filter_map(|row| Some((rows.get(row, 1)?, rows.get(row, 2)?))).collect()
    });
    let new = entries
        .iter()
        .map(|(text, value)| new_entry(&access, key(Some(text))?, *value, ttl, now))
        .collect::<Result<Vec<_>, CacheError>>()?;
    Ok(store::put_many(&access, &new, tags, now) as i64)
}

/// Gives a live entry a new deadline; value and version stay. Returns whether there was one.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_touch(key: Option<&str>, ttl: default!(Option<Interval>, "NULL")) -> Result<bool, ErrorReport> {
    let access = access::check(Verb::Write)?;
    let key = self::key(key)?;
    let deadline = namespaces::of(&access.home, key).deadline(ttl, clock::now())?;
    Ok(store::touch(&access, key, deadline))
}

/// Drops the deadline of a live entry; only where cache_pg.max_ttl is 0. Returns whether there was one.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_persist(key: Option<&str>) -> Result<bool, ErrorReport> {
    let access = access::check(Verb::Write)?;
    let key = self::key(key)?;
    if settings::max_ttl().is_some() {
        Err(CacheError::DeadlineRequired)?;
    }
    Ok(store::touch(&access, key, Deadline { expires_at: Timestamp::FOREVER, stale_until: None }))
}
