//! How a value becomes text.
//!
//! Owns the text of `value::text`, and which types have a text that a key may contain. Must never run a function that
//! belongs neither to PostgreSQL nor to a superuser: the role that changes the table may have more privileges than the
//! author of the function. Must never use a function that is not IMMUTABLE, unless it is built in: the role that
//! changes the table may have other settings.

use crate::pg::function_call;
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::{FromDatum, IntoDatum};
use std::ffi::CStr;

/// How a value becomes text.
pub enum Cast {
    /// The value is stored as text.
    None,
    /// A cast function makes it.
    Function(Oid),
    /// The output function of the type makes it.
    Output(Oid),
}

/// Why the values of a type cannot be part of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnusableType {
    /// The cast would run a function of a user, or a function with other arguments than the value.
    UntrustedCast,
    /// A function that is not built in may return another text in another session.
    SessionDependent,
}

impl Cast {
    /// The explicit cast to text of a type that is not a domain, as `column::text` finds it.
    ///
    /// # Errors
    /// If keys may not contain the result.
    pub fn of(base: Oid) -> Result<Self, UnusableType> {
        use pg_sys::CoercionPathType::{COERCION_PATH_FUNC, COERCION_PATH_RELABELTYPE};
        let mut function = Oid::INVALID;
        let explicit = pg_sys::CoercionContext::COERCION_EXPLICIT;
        // SAFETY: a look-up in the system caches.
        let path = unsafe { pg_sys::find_coercion_pathway(pg_sys::TEXTOID, base, explicit, &mut function) };
        match path {
            _ if base == pg_sys::TEXTOID => Ok(Self::None),
            COERCION_PATH_RELABELTYPE => Ok(Self::None),
            COERCION_PATH_FUNC => check_function(function, base).map(|()| Self::Function(function)),
            // Only superusers make output functions.
            _ if has_stable_output(base) => Ok(Self::Output(output(base))),
            _ => Err(UnusableType::SessionDependent),
        }
    }

    /// Whether there is a type with this number whose text a key may contain.
    pub fn exists(kind: Oid) -> bool {
        // SAFETY: look-ups in the system caches; the first says whether there is such a type.
        unsafe { pg_sys::get_typtype(kind) != 0 && Self::of(pg_sys::getBaseType(kind)).is_ok() }
    }

    /// The text of a value; None if the function returns NULL, because `value::text` is NULL then.
    ///
    /// # Safety
    /// The value is not NULL, and of the type that the cast was found for.
    pub unsafe fn text(&self, value: Datum) -> Option<String> {
        // SAFETY: as the caller promises; an output function returns a text that ends with a zero.
        unsafe {
            match *self {
                Self::None => String::from_datum(value, false),
                Self::Function(function) => String::from_datum(function_call::call(function, value)?, false),
                Self::Output(function) => {
                    let text = CStr::from_ptr(function_call::call(function, value)?.cast_mut_ptr());
                    Some(text.to_string_lossy().into_owned())
                }
            }
        }
    }
}

/// Whether initdb assigned the number.
fn is_built_in(oid: Oid) -> bool {
    oid.to_u32() < pg_sys::FirstNormalObjectId
}

/// Checks whether the function of a cast may run here: it takes the value alone, and is built in or belongs to a
/// superuser. The owner of a type can create a cast of it with any function, so the type must belong to one too.
fn check_function(function: Oid, base: Oid) -> Result<(), UnusableType> {
    // SAFETY: look-ups in the system caches.
    let is_superuser = |role| unsafe { pg_sys::superuser_arg(role) };
    let found = CatalogFunction::of(function).filter(|it| it.takes_value).ok_or(UnusableType::UntrustedCast)?;
    if is_built_in(base) && is_built_in(function) {
        return Ok(());
    }
    if !(is_superuser(found.owner) && owner(base).is_some_and(is_superuser)) {
        return Err(UnusableType::UntrustedCast);
    }
    if found.is_immutable { Ok(()) } else { Err(UnusableType::SessionDependent) }
}

/// What the catalog says about a function.
struct CatalogFunction {
    owner: Oid,
    /// Whether its only argument is a value of a fixed type.
    takes_value: bool,
    is_immutable: bool,
}

impl CatalogFunction {
    fn of(function: Oid) -> Option<Self> {
        // SAFETY: a look-up in the system caches; the row is released, its parts are copied.
        unsafe {
            let row = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::PROCOID as _, function.into_datum()?);
            if row.is_null() {
                return None;
            }
            let form = &*pg_sys::GETSTRUCT(row).cast::<pg_sys::FormData_pg_proc>();
            let takes_value = form.pronargs == 1
                && pg_sys::get_typtype(*form.proargtypes.values.as_ptr()) as u8 != pg_sys::TYPTYPE_PSEUDO;
            let is_immutable = form.provolatile as u8 == pg_sys::PROVOLATILE_IMMUTABLE;
            let found = Self { owner: form.proowner, takes_value, is_immutable };
            pg_sys::ReleaseSysCache(row);
            Some(found)
        }
    }
}

fn owner(of_type: Oid) -> Option<Oid> {
    // SAFETY: a look-up in the system caches; the row is released.
    unsafe {
        let row = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::TYPEOID as _, of_type.into_datum()?);
        if row.is_null() {
            return None;
        }
        let owner = (*pg_sys::GETSTRUCT(row).cast::<pg_sys::FormData_pg_type>()).typowner;
        pg_sys::ReleaseSysCache(row);
        Some(owner)
    }
}

fn output(of_type: Oid) -> Oid {
    let (mut output, mut is_varlena) = (Oid::INVALID, false);
    // SAFETY: a look-up in the system caches, which raises if there is no such type.
    unsafe { pg_sys::getTypeOutputInfo(of_type, &mut output, &mut is_varlena) };
    output
}

/// Whether the output function of a type returns the same text in every session with the same settings. The built-in
/// ones do, but those of arrays, ranges and composite types call the output functions of the types inside.
fn has_stable_output(kind: Oid) -> bool {
    // SAFETY: compares the address of the stack.
    unsafe { pg_sys::check_stack_depth() };
    // SAFETY: look-ups in the system caches, here and below.
    let base = unsafe { pg_sys::getBaseType(kind) };
    let function = output(base);
    if is_built_in(base) {
        return true;
    }
    if !is_built_in(function) {
        return CatalogFunction::of(function).is_some_and(|it| it.is_immutable);
    }
    // SAFETY: as above.
    unsafe {
        match pg_sys::get_typtype(base) as u8 {
            pg_sys::TYPTYPE_COMPOSITE => has_stable_attributes(base),
            pg_sys::TYPTYPE_RANGE => has_stable_output(pg_sys::get_range_subtype(base)),
            pg_sys::TYPTYPE_MULTIRANGE => has_stable_output(pg_sys::get_multirange_range(base)),
            _ => match pg_sys::get_element_type(base) {
                Oid::INVALID => true,
                element => has_stable_output(element),
            },
        }
    }
}

fn has_stable_attributes(composite: Oid) -> bool {
    // SAFETY: the descriptor is counted, and released when it is dropped; it has as many attributes as it says.
    let descriptor = unsafe { pgrx::PgTupleDesc::from_pg(pg_sys::lookup_rowtype_tupdesc(composite, -1)) };
    descriptor.iter().filter(|attribute| !attribute.attisdropped).all(|attribute| has_stable_output(attribute.atttypid))
}
