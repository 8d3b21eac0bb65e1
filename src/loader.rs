//! Running what computes a value: a caller's query, or a namespace's loader function.
//!
//! A query runs with the caller's rights, a loader function with those of its owner. Both run read-only under the
//! snapshot that is active, which is the one that the value is stored under. Must never keep anything of what it has
//! run.

use crate::as_owner::AsOwner;
use crate::datum::Jsonb;
use crate::error::CacheError;
use crate::local_settings::LocalSettings;
use crate::statement;
use cache_pg_rules::key::Key;
use pgrx::pg_sys::{self, Oid};
use pgrx::{IntoDatum, direct_function_call};
use std::ffi::CStr;

/// The one value of `query`; None where it returns no row or SQL NULL. A value of another type becomes JSON.
///
/// # Errors
/// Raises what the query raises, 21000 for more than one row, 42601 for more than one column.
pub fn query(query: &str, args: &Option<Vec<Option<String>>>) -> Result<Option<Jsonb>, CacheError> {
    let query = query.trim_end().trim_end_matches(';');
    // The query is the caller's code, and runs with the caller's rights; the parentheses make it one value.
    let sql = format!("SELECT pg_catalog.to_jsonb((\n{query}\n))");
    let args: Vec<_> = args.iter().flatten().map(|arg| arg.as_deref().and_then(IntoDatum::into_datum)).collect();
    Ok(statement::read_once(&sql, &args, |rows| rows.get(0, 1)))
}

/// What the loader function with this signature returns for a key.
///
/// # Errors
/// [`CacheError::Loader`] where there is no such function any more.
pub fn function(signature: &str, key: Key) -> Result<Option<Jsonb>, CacheError> {
    let Loader { schema, name, owner } = resolve(signature).ok_or_else(|| CacheError::Loader(signature.into()))?;
    let _owner = AsOwner::of_code(owner);
    // Whatever the caller has put into the search path, or among the temporary tables, is not for the owner's rights.
    let _path = LocalSettings::new(&[(c"search_path", &format!("pg_catalog, {schema}, pg_temp"))]);
    Ok(statement::read_once(&format!("SELECT {schema}.{name}($1)"), &[key.as_str().into_datum()], |rows| {
        rows.get(0, 1)
    }))
}

/// A loader function: names are quoted where they have to be.
struct Loader {
    schema: String,
    name: String,
    owner: Oid,
}

fn resolve(signature: &str) -> Option<Loader> {
    let function = oid_of(signature)?;
    // SAFETY: a look-up in the system caches; the row is released, its parts are copied.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::PROCOID as i32, function.into_datum()?);
        if tuple.is_null() {
            return None;
        }
        let row = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_proc>();
        let quoted = |name| CStr::from_ptr(pg_sys::quote_identifier(name)).to_string_lossy().into_owned();
        let schema = quoted(pg_sys::get_namespace_name(row.pronamespace));
        let loader = Loader { schema, name: quoted(row.proname.data.as_ptr()), owner: row.proowner };
        pg_sys::ReleaseSysCache(tuple);
        Some(loader)
    }
}

fn oid_of(signature: &str) -> Option<Oid> {
    // SAFETY: the function takes a text and returns a regprocedure, or NULL where there is none.
    unsafe { direct_function_call::<Oid>(pg_sys::to_regprocedure, &[signature.into_datum()]) }
}

/// The signature of a function, qualified whatever the search path; an error where it is no loader, or belongs to
/// somebody whose rights the caller of `cache_configure` does not have: it will run with these.
///
/// # Errors
/// [`CacheError::NotALoader`], [`CacheError::NotLoaderOwner`].
pub fn signature_of(function: Oid) -> Result<String, CacheError> {
    // SAFETY: look-ups in the system caches; the text is a copy.
    unsafe {
        let signature = pg_sys::format_procedure_qualified(function);
        let signature = CStr::from_ptr(signature).to_string_lossy().into_owned();
        let mut types: *mut Oid = std::ptr::null_mut();
        let mut count = 0;
        let returns = pg_sys::get_func_signature(function, &mut types, &mut count);
        if returns != pg_sys::JSONBOID || count != 1 || *types != pg_sys::TEXTOID || pg_sys::get_func_retset(function) {
            return Err(CacheError::NotALoader(signature));
        }
        let owner = resolve(&signature).map_or(Oid::INVALID, |loader| loader.owner);
        if !pg_sys::has_privs_of_role(pg_sys::GetOuterUserId(), owner) {
            return Err(CacheError::NotLoaderOwner(signature));
        }
        Ok(signature)
    }
}
