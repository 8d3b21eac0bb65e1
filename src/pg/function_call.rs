//! Calling a function by its OID.
//!
//! Owns the call of a function with one argument that may return NULL. PostgreSQL's own call functions raise an
//! internal error for NULL. Must never decide whether the function may be called: the caller decides.

use pgrx::pg_sys::{self, Datum, Oid};

/// Calls `function` with one argument, which is not NULL. Returns None if the function returns NULL. The result is
/// allocated in the current memory context.
///
/// # Safety
/// `function` takes one argument, of the type of `argument`. It is not polymorphic, because it does not learn the types
/// of the call.
pub unsafe fn call(function: Oid, argument: Datum) -> Option<Datum> {
    let size = size_of::<pg_sys::FunctionCallInfoBaseData>() + size_of::<pg_sys::NullableDatum>();
    // SAFETY: the call is laid out as FunctionCallInvoke expects it, with one argument, in the current memory context.
    unsafe {
        let function_info = pg_sys::palloc0(size_of::<pg_sys::FmgrInfo>()).cast::<pg_sys::FmgrInfo>();
        pg_sys::fmgr_info(function, function_info);
        let call = pg_sys::palloc0(size).cast::<pg_sys::FunctionCallInfoBaseData>();
        (*call).flinfo = function_info;
        (*call).fncollation = pg_sys::DEFAULT_COLLATION_OID;
        (*call).nargs = 1;
        (*(&raw mut (*call).args).cast::<pg_sys::NullableDatum>()).value = argument;
        let code = (*function_info).fn_addr?;
        let value = pg_sys::ffi::pg_guard_ffi_boundary(|| code(call));
        (!(*call).isnull).then_some(value)
    }
}
