//! Read-through: one call that looks up, computes and stores.
//!
//! Owns `cache_get_or_set`. Must never call a loader before it has checked that the caller may store the value.

use super::answer::answer;
use super::arguments::{Ttl, functions_with_ttl, key, tags};
use super::{formatted, record_read};
use crate::access::{self, Verb};
use crate::error::{CacheError, ErrorReport};
use crate::pg::{Format, Jsonb, clock};
use crate::stats::{self, Operation, observe};
use crate::store::{self, Storing};
use crate::{loader, namespaces};
use pgrx::prelude::*;
use std::cell::Cell;

functions_with_ttl! {
    /// Returns the value of a live entry. On a miss it returns the one value of `query`, whose parameters `$1`, `$2`,
    /// ... are `args` as text. Concurrent callers compute it once. It is stored unless it could be stale. Without a
    /// query the loader of the namespace computes it.
    fn cache_get_or_set, cache_get_or_set_text, cache_get_or_set_seconds as "cache_get_or_set"(
        key: [Option<&str>] | query: [Option<&str>] = "NULL";
        ttl;
        tags: [default!(Option<Vec<Option<String>>>, "NULL")],
        args: [default!(Option<Vec<Option<String>>>, "NULL")]
    ) -> [Result<Option<Jsonb>, ErrorReport>] {
        answer(key, || get_or_set(key, query, ttl, tags, &args))
    }
}

fn get_or_set(
    key: Option<&str>,
    query: Option<&str>,
    ttl: Ttl,
    tags: Option<Vec<Option<String>>>,
    args: &Option<Vec<Option<String>>>,
) -> Result<Option<Jsonb>, CacheError> {
    let key = self::key(key)?;
    let access = access::check_all(&[Verb::Read, Verb::Fill])?;
    let namespace = namespaces::of(&access.tables, key);
    let tags = self::tags(tags)?;
    // An invalid ttl is an error even if there is a value.
    let expiry = ttl.expiry();
    namespace.deadline(expiry, clock::now())?;
    let deadline = |value, now| {
        namespace.check_size(key, value)?;
        namespace.deadline(expiry, now)
    };
    let storing = Storing { key, tags, deadline: &deadline, replaces: None };
    let was_loaded = Cell::new(false);
    let load = || {
        was_loaded.set(true);
        let value = stats::counting_load(key, || match (query, &namespace.loader) {
            (Some(query), _) => loader::query(query, args),
            (None, Some(function)) => {
                // The loader runs with the rights of its owner, past the policies that apply to the caller.
                store::check_key(&access, key, tags)?;
                loader::function(function, key)
            }
            (None, None) => Err(CacheError::NoLoader(key.namespace().as_str().into())),
        })?;
        Ok(value.map(Format::value))
    };
    let value =
        observe(Operation::Get, "cache_get_or_set", key.as_str(), || store::get_or_load(&access, &storing, load))?;
    record_read(key, value.filter(|_| !was_loaded.get()));
    formatted(key, value)
}
