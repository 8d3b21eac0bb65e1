//! Running the code that computes a value: a caller's query, or the loader function of a namespace.
//!
//! Owns these calls, and that of the query which lists the keys of a namespace. A caller's query runs with the caller's
//! rights, a loader function and the query beside it with those of the function's owner. All run read-only under the
//! active snapshot, under which the value is stored. Must never keep any state of the code that
//! ran. Must never call a function that is not, at that moment, the one that was configured.
//!
//! While a loader runs, it can leave nothing behind in the caller's session, like a function of an index. PostgreSQL
//! refuses `SET ROLE` and `SET SESSION AUTHORIZATION`, temporary tables, `PREPARE`, `DEALLOCATE`, `DISCARD`, `LISTEN`,
//! `UNLISTEN`, cursors `WITH HOLD`, deferred triggers (`SECURITY_RESTRICTED_OPERATION`) and the end of the transaction.
//! Settings are undone, and the session's advisory locks are restored. Cursors of the transaction are shared with the
//! caller, as they are in a function of an index.

use crate::error::{CacheError, LoadError};
use crate::pg::{AsOwner, Jsonb, LocalSettings, advisory, function_call};
use crate::statement::{self, Listed};
use cache_pg_rules::key::Key;
use pgrx::pg_sys::{self, Oid};
use pgrx::{IntoDatum, direct_function_call};
use std::ffi::{CStr, CString};

/// The one value of `query`. None if it returns no row or SQL NULL. A value of another type becomes JSON.
///
/// # Errors
/// Raises what the query raises; see [`statement::query`].
pub fn query(query: &str, args: &Option<Vec<Option<String>>>) -> Result<Option<Jsonb>, CacheError> {
    let args: Vec<_> = args.iter().flatten().map(|arg| arg.as_deref().and_then(IntoDatum::into_datum)).collect();
    statement::query(&CString::new(query).unwrap_or_default(), &args)
}

/// A loader function, as it was configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loader {
    /// Its qualified name and argument types.
    pub signature: String,
    /// Its owner at that time. None: no trigger of the extension has checked it.
    pub owner: Option<Oid>,
    /// Whether the configuration has committed, and so was checked once more.
    pub is_settled: bool,
}

/// The owner of a loader function, as it was configured.
///
/// # Errors
/// [`LoadError::ChangedOwner`]: no trigger of the extension has checked it.
pub fn owner(loader: &Loader) -> Result<Oid, CacheError> {
    loader.owner.ok_or_else(|| LoadError::ChangedOwner(loader.signature.clone()).into())
}

/// Calls the loader function for a key.
///
/// # Errors
/// [`CacheError::Loader`], [`LoadError::Retyped`], [`LoadError::BecameVolatile`], [`LoadError::ChangedOwner`]: it does
/// not exist any more, or is not the function that was configured. [`LoadError::Unsettled`], [`LoadError::LockLost`].
pub fn function(loader: &Loader, key: Key) -> Result<Option<Jsonb>, CacheError> {
    let (oid, function) = verified(loader)?;
    as_owner(&function, || {
        let key = key.as_str().into_datum()?;
        // SAFETY: the function takes a text and returns a jsonb, as its row in the catalog says. The copy does not
        // depend on memory of the function.
        unsafe {
            let value = function_call::call(oid, key)?;
            Some(Jsonb(pg_sys::pg_detoast_datum_copy(value.cast_mut_ptr()).into()))
        }
    })
}

/// The keys that the option `warm` of a namespace with this loader lists. The query runs as the owner of the loader,
/// with the search path of the loader, because only a role with the rights of that owner can have written it.
///
/// # Errors
/// As [`function`], and as [`statement::list`].
pub fn listed(loader: &Loader, query: &str) -> Result<Vec<Listed>, CacheError> {
    let (_, function) = verified(loader)?;
    let query = CString::new(query).unwrap_or_default();
    as_owner(&function, || Some(statement::list(&query)))?.unwrap_or(Ok(Vec::new()))
}

/// The keys that a caller's query lists.
///
/// # Errors
/// As [`statement::list`].
pub fn list(query: &str) -> Result<Vec<Listed>, CacheError> {
    statement::list(&CString::new(query).unwrap_or_default())
}

/// Finds a loader function, and checks that it is the one that was configured.
fn verified(loader: &Loader) -> Result<(Oid, Function), CacheError> {
    let signature = || loader.signature.clone();
    let oid = oid_of(&loader.signature).ok_or_else(|| CacheError::Loader(signature()))?;
    let function = Function::of(oid).ok_or_else(|| CacheError::Loader(signature()))?;
    if !function.has_signature {
        return Err(LoadError::Retyped(signature()).into());
    }
    if function.is_volatile {
        return Err(LoadError::BecameVolatile(signature()).into());
    }
    if loader.owner != Some(function.owner) {
        return Err(LoadError::ChangedOwner(signature()).into());
    }
    // A user's trigger may run between the extension's trigger that records the owner and the one that checks it.
    // SAFETY: reads this backend's state.
    if !loader.is_settled && !function.role_has_owner_rights(unsafe { pg_sys::GetUserId() }) {
        return Err(LoadError::Unsettled(signature()).into());
    }
    Ok((oid, function))
}

/// Runs code of the owner of a loader function.
fn as_owner<R>(function: &Function, code: impl FnOnce() -> Option<R>) -> Result<Option<R>, CacheError> {
    advisory::preserved(|| {
        let _owner = AsOwner::of_code(function.owner);
        // The owner's rights must not reach the caller's objects, on the search path or among the temporary tables.
        let path = format!("pg_catalog, {}, pg_temp", function.schema);
        let _path = LocalSettings::new(&[(c"search_path", &path)]);
        code()
    })
}

/// What the catalog says about a function at this moment.
struct Function {
    /// Quoted if necessary.
    schema: String,
    owner: Oid,
    /// Whether it takes one text and returns one jsonb.
    has_signature: bool,
    is_volatile: bool,
}

impl Function {
    fn of(function: Oid) -> Option<Self> {
        // SAFETY: a look-up in the system caches; the row is released, its parts are copied.
        unsafe {
            let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::PROCOID as _, function.into_datum()?);
            if tuple.is_null() {
                return None;
            }
            let row = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_proc>();
            let schema = pg_sys::get_namespace_name(row.pronamespace);
            let found = Self {
                schema: text(if schema.is_null() { schema } else { pg_sys::quote_identifier(schema) }),
                owner: row.proowner,
                has_signature: row.prorettype == pg_sys::JSONBOID
                    && !row.proretset
                    && row.prokind as u8 == pg_sys::PROKIND_FUNCTION
                    && row.pronargs == 1
                    && *row.proargtypes.values.as_ptr() == pg_sys::TEXTOID,
                is_volatile: row.provolatile as u8 == pg_sys::PROVOLATILE_VOLATILE,
            };
            pg_sys::ReleaseSysCache(tuple);
            Some(found)
        }
    }

    fn role_has_owner_rights(&self, role: Oid) -> bool {
        // SAFETY: reads the roles in the catalogs.
        unsafe { pg_sys::has_privs_of_role(role, self.owner) }
    }

    fn as_loader(&self, signature: String, role: Oid) -> Result<Loader, CacheError> {
        match self.role_has_owner_rights(role) {
            true => Ok(Loader { signature, owner: Some(self.owner), is_settled: true }),
            false => Err(CacheError::NotLoaderOwner(signature)),
        }
    }
}

/// # Safety
/// `pointer` points to a text that ends with a zero, or is NULL.
unsafe fn text(pointer: *const std::ffi::c_char) -> String {
    // SAFETY: as the caller promises.
    if pointer.is_null() { String::new() } else { unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned() }
}

fn oid_of(signature: &str) -> Option<Oid> {
    // SAFETY: the function takes a text and returns a regprocedure, or NULL if there is none.
    unsafe { direct_function_call::<Oid>(pg_sys::to_regprocedure, &[signature.into_datum()]) }
}

/// Checks that a function can be a loader that the current role configures. The role needs the rights of its owner,
/// because the function will run with them. The signature of the result is qualified, whatever the search path.
///
/// # Errors
/// [`CacheError::NotALoader`], [`LoadError::Volatile`], [`CacheError::NotLoaderOwner`].
pub fn check(function: Oid) -> Result<Loader, CacheError> {
    // SAFETY: a look-up in the system caches; the text is a copy.
    let signature = unsafe { text(pg_sys::format_procedure_qualified(function)) };
    let Some(found) = Function::of(function).filter(|found| found.has_signature) else {
        return Err(CacheError::NotALoader(signature));
    };
    if found.is_volatile {
        return Err(LoadError::Volatile(signature).into());
    }
    // SAFETY: reads this backend's state.
    found.as_loader(signature, unsafe { pg_sys::GetUserId() })
}

/// The same for the function with this signature and `role`. None: there is none, or it cannot be a loader.
///
/// # Errors
/// [`CacheError::NotLoaderOwner`].
pub fn check_for(signature: &str, role: Oid) -> Result<Option<Loader>, CacheError> {
    let Some(oid) = oid_of(signature) else { return Ok(None) };
    let Some(found) = Function::of(oid).filter(|found| found.has_signature && !found.is_volatile) else {
        return Ok(None);
    };
    // SAFETY: a look-up in the system caches; the text is a copy.
    let signature = unsafe { text(pg_sys::format_procedure_qualified(oid)) };
    found.as_loader(signature, role).map(Some)
}
