//! Functions that write values, and the one that counts.
//!
//! Owns their signatures and the check of their arguments. Must never write a value that the namespace does not accept,
//! nor read an entry in order to increment it: the store does both in one step.

use super::{key, tags};
use crate::access::{self, Access, Verb};
use crate::error::{CacheError, ErrorReport};
use crate::namespaces::{self, Deadline};
use crate::pg::{Jsonb, TextArray, Timestamp, Xid8, attempt, clock};
use crate::settings;
use crate::statement::{IntoParam, Statement, statement};
use crate::stats::{self, Counter, Operation, observe};
use crate::store::{self, Condition, NewEntry};
use cache_pg_rules::key::Key;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;

static EACH: Statement = statement!("each.sql", [JSONBOID]);

/// Key, value, ttl and tags as the caller passed them.
type Arguments<'a> = (Option<&'a str>, Option<Jsonb>, Option<Interval>, Option<Vec<Option<String>>>);

/// The arguments after the check.
struct Checked<'a> {
    access: Access,
    new: NewEntry<'a>,
    tags: Option<TextArray>,
}

/// Checks the arguments of the function `name` and writes the entry if `condition` holds. Returns its deadline; None:
/// it was not written.
fn put(name: &str, (key, value, ttl, tags): Arguments, condition: Condition) -> Result<Option<Timestamp>, CacheError> {
    observe(Operation::Set, name, key.unwrap_or_default(), || {
        let Checked { access, new, tags } = Checked::new(key, value, ttl, tags)?;
        let written = store::put(&access, &new, tags, condition)?;
        if written {
            stats::count_written(new.key, new.value);
        }
        Ok(written.then_some(new.deadline.expires_at))
    })
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
        Ok(Self { access, new, tags: self::tags(tags)? })
    }
}

fn new_entry<'a>(
    access: &Access,
    key: Key<'a>,
    value: Jsonb,
    ttl: Option<Interval>,
    now: Timestamp,
) -> Result<NewEntry<'a>, CacheError> {
    let namespace = namespaces::of(&access.tables, key);
    namespace.check_size(key, value)?;
    Ok(NewEntry { key, value, set_at: now, deadline: namespace.deadline(ttl, now)? })
}

/// Declares functions that take an entry: what each returns, and how it writes the entry.
macro_rules! functions_of_entry {
    ($($(#[$doc:meta])* fn $name:ident() -> $result:ty { |$entry:ident| $body:expr })+) => {$(
        $(#[$doc])*
        #[pg_extern(volatile, parallel_unsafe)]
        fn $name(
            key: Option<&str>,
            value: Option<Jsonb>,
            ttl: default!(Option<Interval>, "NULL"),
            tags: default!(Option<Vec<Option<String>>>, "NULL"),
        ) -> $result {
            let $entry: Arguments = (key, value, ttl, tags);
            $body
        }
    )+};
}

functions_of_entry! {
    /// Creates or replaces an entry; returns its deadline. Replacing a live entry keeps `created_at`.
    fn cache_set() -> Result<TimestampWithTimeZone, ErrorReport> {
        |entry| Ok(put("cache_set", entry, Condition::Always)?.unwrap_or(Timestamp::FOREVER).into())
    }

    /// As `cache_set`, but returns false instead of raising. Only cancel and shutdown pass.
    fn cache_try_set() -> bool {
        |entry| try_set(entry.0, || put("cache_try_set", entry, Condition::Always))
    }

    /// Writes the entry only if no live entry has the key, atomically; returns whether it did.
    fn cache_add() -> Result<bool, ErrorReport> {
        |entry| Ok(put("cache_add", entry, Condition::Absent)?.is_some())
    }

    /// Writes the entry only if a live entry has the key, atomically; returns whether it did.
    fn cache_replace() -> Result<bool, ErrorReport> {
        |entry| Ok(put("cache_replace", entry, Condition::Live)?.is_some())
    }
}

/// As `cache_try_set`, with the ttl as text. A malformed ttl is false too.
#[pg_extern(volatile, parallel_unsafe, name = "cache_try_set")]
fn cache_try_set_text(
    key: Option<&str>,
    value: Option<Jsonb>,
    ttl: Option<&str>,
    tags: default!(Option<Vec<Option<String>>>, "NULL"),
) -> bool {
    try_set(key, || {
        let ttl = ttl.map(clock::parse_interval);
        put("cache_try_set", (key, value, ttl.flatten(), tags), Condition::Always)
    })
}

fn try_set(key: Option<&str>, set: impl FnOnce() -> Result<Option<Timestamp>, CacheError>) -> bool {
    let is_set = matches!(attempt(set), Some(Ok(_)));
    if !is_set {
        stats::count_error(self::key(key).ok());
    }
    is_set
}

/// Writes the entry only if the live entry still has this version (from `cache_entry`), atomically.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_cas(
    key: Option<&str>,
    value: Option<Jsonb>,
    version: Option<Xid8>,
    ttl: default!(Option<Interval>, "NULL"),
    tags: default!(Option<Vec<Option<String>>>, "NULL"),
) -> Result<bool, ErrorReport> {
    // No version equals NULL, so a key that was a miss when it was read is not replaced.
    Ok(match version {
        Some(version) => put("cache_cas", (key, value, ttl, tags), Condition::Version(version))?.is_some(),
        None => Checked::new(key, value, ttl, tags).map(|_| false)?,
    })
}

/// Sets every key of a JSON object to its value, in one statement and in byte order of the keys; returns how many.
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
    let entries: Vec<(String, Jsonb)> = EACH.read(&*access.tables, &[entries.param()], |rows| {
        (0..rows.len()).filter_map(|row| Some((rows.get(row, 1)?, rows.get(row, 2)?))).collect()
    });
    let new = entries
        .iter()
        .map(|(text, value)| new_entry(&access, key(Some(text))?, *value, ttl, now))
        .collect::<Result<Vec<_>, CacheError>>()?;
    let first = new.first().map_or("", |new| new.key.as_str());
    let written = observe(Operation::Set, "cache_set_many", first, || store::put_many(&access, &new, tags))?;
    new.iter().for_each(|new| stats::count_written(new.key, new.value));
    Ok(written as i64)
}

/// Gives a live entry a new deadline and keeps its value and version; returns whether there was one.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_touch(key: Option<&str>, ttl: default!(Option<Interval>, "NULL")) -> Result<bool, ErrorReport> {
    let access = access::check(Verb::Write)?;
    let key = self::key(key)?;
    let deadline = namespaces::of(&access.tables, key).deadline(ttl, clock::now())?;
    Ok(touch("cache_touch", &access, key, deadline)?)
}

/// Removes the deadline of a live entry; returns whether there was one. Only if cache_pg.max_ttl is 0.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_persist(key: Option<&str>) -> Result<bool, ErrorReport> {
    let access = access::check(Verb::Write)?;
    let key = self::key(key)?;
    if settings::max_ttl().is_some() {
        Err(CacheError::DeadlineRequired)?;
    }
    Ok(touch("cache_persist", &access, key, Deadline { expires_at: Timestamp::FOREVER, stale_until: None })?)
}

fn touch(name: &str, access: &Access, key: Key, deadline: Deadline) -> Result<bool, CacheError> {
    let touched = observe(Operation::Set, name, key.as_str(), || store::touch(access, key, deadline))?;
    stats::count(key, Counter::Touches, touched.into());
    Ok(touched)
}

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
