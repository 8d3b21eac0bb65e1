//! Functions that read many values.
//!
//! Owns their signatures. They return all rows at once ([`ResultSet`]). Must never write.

use super::answer::answer;
use super::arguments::key;
use super::formatted;
use crate::access::{self, Verb};
use crate::error::{CacheError, ErrorReport};
use crate::pg::prefetch::GROUP;
use crate::pg::{Bytea, Format, Jsonb, ResultSet, TextArray};
use crate::stats::{self, Operation, observe};
use crate::{evict, store};
use pgrx::{IntoDatum, pg_sys::Datum, prelude::*};

/// Returns the live entries of these keys, in the order of `keys`, each once.
#[pg_extern(
    stable,
    parallel_safe,
    sql = r#"
CREATE FUNCTION cache_get_many(keys text[]) RETURNS TABLE (key text, value jsonb)
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cache_get_many_wrapper';
"#
)]
fn cache_get_many(keys: Option<TextArray>, call: pg_sys::FunctionCallInfo) -> Result<(), ErrorReport> {
    let found = answer(None, || get_many::<Jsonb>("cache_get_many", keys.as_ref()))?;
    put(call, found);
    Ok(())
}

/// As `cache_get_many`, for bytes.
#[pg_extern(
    stable,
    parallel_safe,
    sql = r#"
CREATE FUNCTION cache_get_many_bytes(keys text[]) RETURNS TABLE (key text, value bytea)
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'cache_get_many_bytes_wrapper';
"#
)]
fn cache_get_many_bytes(keys: Option<TextArray>, call: pg_sys::FunctionCallInfo) -> Result<(), ErrorReport> {
    let found = answer(None, || get_many::<Bytea>("cache_get_many_bytes", keys.as_ref()))?;
    put(call, found);
    Ok(())
}

/// Returns the rows of a call: a key and its value each.
fn put(call: pg_sys::FunctionCallInfo, found: Vec<[Datum; 2]>) {
    // SAFETY: both functions above return a key and a value in the format of `get_many`.
    unsafe { ResultSet::of(call).put_all(&found) }
}

/// The live entries of these keys: a text and a value in the format `F` each.
fn get_many<F: Format + IntoDatum>(name: &str, keys: Option<&TextArray>) -> Result<Vec<[Datum; 2]>, CacheError> {
    let access = access::check(Verb::Read)?;
    let texts = keys.map_or_else(Vec::new, TextArray::texts);
    let keys = texts.iter().map(|it| key(it.map(|it| it.text))).collect::<Result<Vec<_>, CacheError>>()?;
    let first = keys.first().map_or("", |key| key.as_str());
    let found = observe(Operation::Get, name, first, || store::get_many(&access, &keys));
    let namespace = |number: usize| keys[number].namespace();
    for reads in found.chunk_by(|one, next| namespace(one.0) == namespace(next.0)) {
        stats::count_reads(namespace(reads[0].0), reads.iter().map(|&(_, value)| value));
    }
    let mut rows = Vec::with_capacity(found.len());
    for group in found.chunks(GROUP) {
        group.iter().for_each(|&(number, _)| evict::prefetch(keys[number]));
        for &(number, value) in group {
            evict::record_read(keys[number], value.is_some());
            let value = formatted::<F>(keys[number], value)?.and_then(IntoDatum::into_datum);
            rows.extend(texts[number].zip(value).map(|(key, value)| [key.datum, value]));
        }
    }
    Ok(rows)
}
