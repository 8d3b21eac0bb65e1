//! Functions that read many values.
//!
//! Owns their signatures. They return all rows at once ([`ResultSet`]). Must never write.

use super::{answer, formatted, keys, record_read};
use crate::access::{self, Verb};
use crate::error::{CacheError, ErrorReport};
use crate::pg::{Bytea, Format, Jsonb, ResultSet, TextArray};
use crate::stats::{Operation, observe};
use crate::store;
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
    let texts = keys.map_or_else(Vec::new, TextArray::datums);
    let keys = self::keys(keys)?;
    let first = keys.first().map_or("", |key| key.as_str());
    let found = observe(Operation::Get, name, first, || store::get_many(&access, &keys));
    let mut rows = Vec::with_capacity(found.len());
    for (number, value) in found {
        let key = keys[number];
        record_read(key, value);
        let value = formatted::<F>(key, value)?.and_then(IntoDatum::into_datum);
        rows.extend(texts[number].zip(value).map(|(text, value)| [text, value]));
    }
    Ok(rows)
}
