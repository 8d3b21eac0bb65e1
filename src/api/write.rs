//! Functions that write one value.
//!
//! Owns their signatures and the check of their arguments. Must never write a value that the namespace does not accept.

use super::answer::{answer, swallow};
use super::arguments::{Ttl, expiry, functions_with_ttl, key, tags};
use crate::access::{self, Access, Verb};
use crate::error::{CacheError, ErrorReport};
use crate::namespaces::{self, Expiry};
use crate::pg::{Bytea, Format, Jsonb, TextArray, Timestamp, Value, Xid8, clock};
use crate::settings::Errors;
use crate::stats::{self, Counter, Operation, observe};
use crate::store::{self, Condition, NewEntry};
use cache_pg_rules::key::Key;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;

/// An entry as the caller passed it.
struct Given<'a> {
    key: Option<&'a str>,
    value: Option<Value>,
    ttl: Ttl<'a>,
    tags: Option<Vec<Option<String>>>,
    expires_at: Option<TimestampWithTimeZone>,
}

/// The arguments after the check.
struct Checked<'a> {
    access: Access,
    new: NewEntry<'a>,
    tags: Option<TextArray>,
}

impl<'a> Given<'a> {
    fn checked(self) -> Result<Checked<'a>, CacheError> {
        let access = access::check(Verb::Write)?;
        let expiry = expiry(self.ttl, self.expires_at)?;
        let new = new_entry(&access, key(self.key)?, self.value, expiry, clock::now())?;
        Ok(Checked { access, new, tags: tags(self.tags)? })
    }

    /// Writes the entry if `condition` is met, for the function `name`. Returns its deadline; None: it was not written.
    fn put(self, name: &str, condition: Condition) -> Result<Option<Timestamp>, CacheError> {
        observe(Operation::Set, name, self.key.unwrap_or_default(), || {
            let Checked { access, new, tags } = self.checked()?;
            let written = store::put(&access, &new, tags, condition)?;
            if written.is_some() {
                count_written(&new);
            }
            Ok(written)
        })
    }
}

/// Counts an entry that was written, or one that was deleted because its deadline has come already.
pub(super) fn count_written(new: &NewEntry) {
    match new.value {
        Some(value) => stats::count_written(new.key, value),
        None => stats::count(new.key, Counter::Deletes, 1),
    }
}

/// An entry that is set `now`; a tombstone if its deadline has come already.
pub(super) fn new_entry<'a>(
    access: &Access,
    key: Key<'a>,
    value: Option<Value>,
    expiry: Expiry,
    now: Timestamp,
) -> Result<NewEntry<'a>, CacheError> {
    let value = value.ok_or(CacheError::NullValue)?;
    let namespace = namespaces::of(&access.tables, key);
    namespace.check_size(key, value)?;
    let deadline = namespace.deadline(expiry, now)?;
    if deadline.expires_at <= now {
        return Ok(NewEntry::tombstone(key));
    }
    Ok(NewEntry { key, value: Some(value), set_at: now, deadline })
}

/// Declares functions that take an entry: one for JSON and one for bytes, what both return, and how they write it.
macro_rules! functions_of_entry {
    ($($(#[$doc:meta])* fn $json:tt $bytes:tt($($further:ident: $kind:ty)?) -> [$result:ty] |$given:ident, $name:ident| $body:expr;)+) => {$(
        functions_of_entry!(@one $(#[$doc])* $json, Jsonb, ($($further: $kind)?), [$result], $given, $name, $body);
        functions_of_entry!(@one $(#[$doc])* $bytes, Bytea, ($($further: $kind)?), [$result], $given, $name, $body);
    )+};
    (@one $(#[$doc:meta])* [$interval:ident $text:ident $seconds:ident $sql:literal], $format:ident,
     ($($further:ident: $kind:ty)?), [$result:ty], $given:ident, $name:ident, $body:expr) => {
        functions_with_ttl! {
            $(#[$doc])*
            fn $interval, $text, $seconds as $sql(
                key: [Option<&str>],
                value: [Option<$format>]
                $(, $further: [Option<$kind>])?;
                ttl;
                tags: [default!(Option<Vec<Option<String>>>, "NULL")],
                expires_at: [default!(Option<TimestampWithTimeZone>, "NULL")]
            ) -> [$result] {
                let $given = Given { key, value: value.map(Format::value), ttl, tags, expires_at };
                let $name = $sql;
                $body
            }
        }
    };
}

functions_of_entry! {
    /// Creates or replaces an entry; returns its deadline. Replacing a live entry keeps `created_at`.
    fn [cache_set cache_set_text cache_set_seconds "cache_set"]
       [cache_set_bytes cache_set_bytes_text cache_set_bytes_seconds "cache_set_bytes"]
    () -> [Result<Option<TimestampWithTimeZone>, ErrorReport>]
    |given, name| answer(given.key, || Ok(given.put(name, Condition::Always)?.map(Into::into)));

    /// As `cache_set`, but returns false instead of raising. Only cancel and shutdown pass.
    fn [cache_try_set cache_try_set_text cache_try_set_seconds "cache_try_set"]
       [cache_try_set_bytes cache_try_set_bytes_text cache_try_set_bytes_seconds "cache_try_set_bytes"]
    () -> [bool]
    |given, name| swallow(given.key, Errors::Ignore, || given.put(name, Condition::Always)).flatten().is_some();

    /// Writes the entry only if no live entry has the key, atomically; returns whether it did.
    fn [cache_add cache_add_text cache_add_seconds "cache_add"]
       [cache_add_bytes cache_add_bytes_text cache_add_bytes_seconds "cache_add_bytes"]
    () -> [Result<bool, ErrorReport>]
    |given, name| answer(given.key, || Ok(given.put(name, Condition::Absent)?.is_some()));

    /// Writes the entry only if a live entry has the key, atomically; returns whether it did.
    fn [cache_replace cache_replace_text cache_replace_seconds "cache_replace"]
       [cache_replace_bytes cache_replace_bytes_text cache_replace_bytes_seconds "cache_replace_bytes"]
    () -> [Result<bool, ErrorReport>]
    |given, name| answer(given.key, || Ok(given.put(name, Condition::Live)?.is_some()));

    /// Writes the entry only if the live entry still has this version (from `cache_entry`), atomically.
    fn [cache_cas cache_cas_text cache_cas_seconds "cache_cas"]
       [cache_cas_bytes cache_cas_bytes_text cache_cas_bytes_seconds "cache_cas_bytes"]
    (version: Xid8) -> [Result<bool, ErrorReport>]
    |given, name| answer(given.key, || match version {
        Some(version) => Ok(given.put(name, Condition::Version(version))?.is_some()),
        // No version equals NULL, so a key that was a miss when it was read is not replaced.
        None => given.checked().map(|_| false),
    });
}
