//! Functions that write many values in one statement.
//!
//! Owns their signatures, and how keys, values and ttls belong together. Must never write in another order than that of
//! the keys: then two calls could wait for each other.

use super::answer::answer;
use super::arguments::{Ttl, functions_with_ttl, key, tags};
use super::write::{count_written, new_entry};
use crate::access::{self, Verb};
use crate::error::{CacheError, ErrorReport};
use crate::namespaces::Expiry;
use crate::pg::{ByteaArray, DoubleArray, Format, IntervalArray, Jsonb, JsonbArray, TextArray, Value, clock};
use crate::statement::{IntoParam, Statement, statement};
use crate::stats::{Operation, observe};
use crate::{catalog::ExtensionTables, store};
use pgrx::prelude::*;

static EACH: Statement = statement!("each.sql", [JSONBOID]);

/// A key, its value, and how long it is to live.
type Entry<'a> = (&'a str, Option<Value>, Expiry);

/// Writes entries in the byte order of their keys; returns how many. Of a key that is given twice the last one counts.
fn put_many(access: &access::Access, name: &str, mut entries: Vec<Entry>, tags: Tags) -> Result<i64, CacheError> {
    let tags = self::tags(tags)?;
    let now = clock::now();
    entries.reverse();
    entries.sort_by_key(|&(key, ..)| key);
    entries.dedup_by_key(|&mut (key, ..)| key);
    let new = entries
        .into_iter()
        .map(|(text, value, expiry)| new_entry(access, key(Some(text))?, value, expiry, now))
        .collect::<Result<Vec<_>, CacheError>>()?;
    let first = new.first().map_or("", |new| new.key.as_str());
    let written = observe(Operation::Set, name, first, || store::put_many(access, &new, tags))?;
    new.iter().for_each(count_written);
    Ok(written as i64)
}

/// The tags that each entry gets.
type Tags = Option<Vec<Option<String>>>;

/// Sets every key of a JSON object to its value.
fn put_object(entries: Option<Jsonb>, ttl: Ttl, tags: Tags) -> Result<i64, CacheError> {
    let access = access::check(Verb::Write)?;
    let entries = entries.ok_or(CacheError::NullValue)?;
    if !entries.is_object() {
        return Err(CacheError::NotAnObject);
    }
    let expiry = ttl.expiry();
    let entries = each(&access.tables, entries);
    let entries = entries.iter().map(|(key, value)| (key.as_str(), Some(value.value()), expiry)).collect();
    put_many(&access, "cache_set_many", entries, tags)
}

/// The keys and values of an object.
fn each(tables: &ExtensionTables, object: Jsonb) -> Vec<(String, Jsonb)> {
    EACH.read(tables, &[object.param()], |rows| {
        (0..rows.len()).filter_map(|row| Some((rows.get(row, 1)?, rows.get(row, 2)?))).collect()
    })
}

functions_with_ttl! {
    /// Sets every key of a JSON object to its value, in one statement and in byte order of the keys; returns how many.
    fn cache_set_many, cache_set_many_text, cache_set_many_seconds as "cache_set_many"(
        entries: [Option<Jsonb>];
        ttl;
        tags: [default!(Option<Vec<Option<String>>>, "NULL")]
    ) -> [Result<i64, ErrorReport>] {
        answer(None, || put_object(entries, ttl, tags))
    }
}

/// As `cache_set_many`, with the object as text too, for parameters without a type.
#[pg_extern(volatile, parallel_unsafe, name = "cache_set_many")]
fn cache_set_many_of_text(
    entries: Option<&str>,
    ttl: Option<&str>,
    tags: default!(Option<Vec<Option<String>>>, "NULL"),
) -> Result<i64, ErrorReport> {
    answer(None, || put_object(entries.and_then(Jsonb::parse), Ttl::from(ttl), tags))
}

/// Sets each key to the value at the same place. `ttls` has one ttl for each, one for all, or none.
fn put_arrays(
    name: &str,
    keys: Option<TextArray>,
    values: Vec<Option<Value>>,
    ttls: Vec<Ttl>,
    tags: Tags,
) -> Result<i64, CacheError> {
    let access = access::check(Verb::Write)?;
    let keys = keys.ok_or(CacheError::NullKey)?;
    let keys = keys.elements();
    let fits = |what, count, fits: bool| {
        if fits { Ok(()) } else { Err(CacheError::Lengths { what, count, keys: keys.len() }) }
    };
    fits("values", values.len(), values.len() == keys.len())?;
    fits("ttls", ttls.len(), ttls.len() <= 1 || ttls.len() == keys.len())?;
    let expiry = |number| ttls.get(if ttls.len() == 1 { 0 } else { number }).map_or(Expiry::Usual, |ttl| ttl.expiry());
    let entries = keys
        .iter()
        .zip(values)
        .enumerate()
        .map(|(number, (key, value))| Ok((key.ok_or(CacheError::NullKey)?, value, expiry(number))))
        .collect::<Result<Vec<_>, CacheError>>()?;
    put_many(&access, name, entries, tags)
}

/// Declares the functions of arrays for one type of values: one for each type of the ttls.
macro_rules! functions_of_arrays {
    ($name:literal of $values:ident: $intervals:ident $texts:ident $numbers:ident) => {
        functions_of_arrays!(@$intervals $name $values default!(Option<IntervalArray>, "NULL"));
        functions_of_arrays!(@$texts $name $values Option<TextArray>);
        functions_of_arrays!(@$numbers $name $values Option<DoubleArray>);
    };
    (@$function:ident $name:literal $values:ident $($ttls:tt)+) => {
        /// Sets each key to the value at the same place, in byte order of the keys; returns how many keys. There is one
        /// ttl for each, or one for all. Of a key that is given twice the last value counts.
        #[pg_extern(volatile, parallel_unsafe, name = $name)]
        fn $function(
            keys: Option<TextArray>,
            values: Option<$values>,
            ttls: $($ttls)+,
            tags: default!(Option<Vec<Option<String>>>, "NULL"),
        ) -> Result<i64, ErrorReport> {
            answer(None, || {
                let values = values.ok_or(CacheError::NullValue)?;
                let values = values.elements().into_iter().map(|value| value.map(Format::value)).collect();
                let ttls = ttls.iter().flat_map(|ttls| ttls.elements()).map(Ttl::from).collect();
                put_arrays($name, keys, values, ttls, tags)
            })
        }
    };
}

functions_of_arrays!("cache_set_many" of JsonbArray:
    cache_set_many_arrays cache_set_many_arrays_texts cache_set_many_arrays_numbers);
functions_of_arrays!("cache_set_many_bytes" of ByteaArray:
    cache_set_many_bytes cache_set_many_bytes_texts cache_set_many_bytes_numbers);
