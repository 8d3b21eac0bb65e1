//! Functions that change a deadline, and the one that counts.
//!
//! Owns their signatures. Must never read an entry in order to increment it: the store does both in one step.

use super::answer::answer;
use super::arguments::{Ttl, expiry, functions_with_ttl, key};
use super::{formatted, record_read};
use crate::access::{self, Access, Verb};
use crate::error::{CacheError, ErrorReport};
use crate::namespaces::{self, Deadline};
use crate::pg::{Bytea, Format, Jsonb, Timestamp, Xid8, clock};
use crate::settings;
use crate::stats::{self, Counter, Operation, observe};
use crate::store::{self, Condition, NewEntry};
use cache_pg_rules::key::Key;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;

functions_with_ttl! {
    /// Gives a live entry a new deadline and keeps its value and version; returns whether there was one. With a version
    /// only the entry that still has it. A deadline that has come already deletes the entry.
    fn cache_touch, cache_touch_text, cache_touch_seconds as "cache_touch"(
        key: [Option<&str>];
        ttl;
        version: [default!(Option<Xid8>, "NULL")],
        expires_at: [default!(Option<TimestampWithTimeZone>, "NULL")]
    ) -> [Result<bool, ErrorReport>] {
        answer(key, || {
            let access = access::check(Verb::Write)?;
            let key = self::key(key)?;
            let now = clock::now();
            let deadline = namespaces::of(&access.tables, key).deadline(expiry(ttl, expires_at)?, now)?;
            if deadline.expires_at > now {
                return touch("cache_touch", &access, key, deadline, version);
            }
            let condition = version.map_or(Condition::Live, Condition::Version);
            let deleted = observe(Operation::Set, "cache_touch", key.as_str(), || {
                store::put(&access, &NewEntry::tombstone(key), None, condition)
            })?;
            stats::count(key, Counter::Deletes, deleted.is_some().into());
            Ok(deleted.is_some())
        })
    }

    /// Returns the value of a live entry, and gives it a new deadline; NULL on a miss.
    fn cache_get_and_touch, cache_get_and_touch_text, cache_get_and_touch_seconds as "cache_get_and_touch"(
        key: [Option<&str>]; ttl;
    ) -> [Result<Option<Jsonb>, ErrorReport>] {
        answer(key, || get_and_touch("cache_get_and_touch", key, ttl))
    }

    /// As `cache_get_and_touch`, for bytes.
    fn cache_get_and_touch_bytes, cache_get_and_touch_bytes_text, cache_get_and_touch_bytes_seconds
    as "cache_get_and_touch_bytes"(
        key: [Option<&str>]; ttl;
    ) -> [Result<Option<Bytea>, ErrorReport>] {
        answer(key, || get_and_touch("cache_get_and_touch_bytes", key, ttl))
    }

    /// Adds to the integer of an entry, atomically; returns the sum. An absent entry starts at `initial` with `ttl`; if
    /// `initial` is NULL it stays absent, and the result is NULL. A live one keeps its deadline.
    fn cache_incr, cache_incr_text, cache_incr_seconds as "cache_incr"(
        key: [Option<&str>] | delta: [Option<i64>] = 1;
        ttl;
        initial: [default!(Option<i64>, 0)]
    ) -> [Result<Option<i64>, ErrorReport>] {
        answer(key, || {
            let key = self::key(key)?;
            let sum = observe(Operation::Set, "cache_incr", key.as_str(), || {
                let access = access::check_all(&[Verb::Read, Verb::Write])?;
                let deadline = namespaces::of(&access.tables, key).deadline(ttl.expiry(), clock::now())?;
                store::incr(&access, key, delta.unwrap_or(1), initial, deadline)
            })?;
            stats::count(key, Counter::Sets, sum.is_some().into());
            Ok(sum)
        })
    }
}

fn get_and_touch<F: Format>(name: &str, key: Option<&str>, ttl: Ttl) -> Result<Option<F>, CacheError> {
    let access = access::check_all(&[Verb::Read, Verb::Write])?;
    let key = self::key(key)?;
    let deadline = namespaces::of(&access.tables, key).deadline(ttl.expiry(), clock::now())?;
    let value = observe(Operation::Get, name, key.as_str(), || store::get_and_touch(&access, key, deadline))?;
    record_read(key, value);
    stats::count(key, Counter::Touches, value.is_some().into());
    formatted(key, value)
}

/// Removes the deadline of a live entry; returns whether there was one. Only if cache_pg.max_ttl is 0.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_persist(key: Option<&str>) -> Result<bool, ErrorReport> {
    answer(key, || {
        let access = access::check(Verb::Write)?;
        let key = self::key(key)?;
        if settings::max_ttl().is_some() {
            return Err(CacheError::DeadlineRequired);
        }
        let deadline = Deadline { expires_at: Timestamp::FOREVER, stale_until: None, keeps: false };
        touch("cache_persist", &access, key, deadline, None)
    })
}

fn touch(name: &str, access: &Access, key: Key, deadline: Deadline, version: Option<Xid8>) -> Result<bool, CacheError> {
    let touched = observe(Operation::Set, name, key.as_str(), || store::touch(access, key, deadline, version))?;
    stats::count(key, Counter::Touches, touched.into());
    Ok(touched)
}
