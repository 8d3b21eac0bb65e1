//! PostgreSQL's server programming interface (SPI): connections, plans and the parameters of a plan.
//!
//! Owns opening and closing a connection. Must never let a result outlive its connection without a copy.

use pgrx::IntoDatum;
use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::CStr;

/// A parameter: a datum of the declared type, or NULL.
pub type Param = Option<Datum>;

/// A type that may be passed as a parameter.
pub trait IntoParam {
    /// The datum, allocated in the current memory context if necessary.
    fn param(self) -> Param;
}

impl<T: IntoDatum> IntoParam for T {
    fn param(self) -> Param {
        self.into_datum()
    }
}

/// Parameters in the form that SPI takes.
pub(super) fn values_and_nulls(params: &[Param]) -> (Vec<Datum>, Vec<std::ffi::c_char>) {
    let value = |param: &Param| param.unwrap_or(Datum::null());
    let null = |param: &Param| if param.is_some() { b' ' } else { b'n' } as _;
    (params.iter().map(value).collect(), params.iter().map(null).collect())
}

pub(super) fn prepare(sql: &CStr, types: &[Oid]) -> pg_sys::SPIPlanPtr {
    let mut types = types.to_vec();
    // SAFETY: an SPI connection is open; the text and the types live through the call. Errors are raised, not returned.
    unsafe {
        pg_sys::SPI_prepare_cursor(
            sql.as_ptr(),
            types.len() as i32,
            types.as_mut_ptr(),
            pg_sys::CURSOR_OPT_GENERIC_PLAN as i32,
        )
    }
}

/// The text of a plan.
///
/// # Safety
/// The plan is kept or was made in the current connection, and the text is not used for longer.
pub(super) unsafe fn text_of<'a>(plan: pg_sys::SPIPlanPtr) -> &'a CStr {
    // SAFETY: as the caller promises. Each statement of a plan has the whole text.
    unsafe {
        let sources = pg_sys::SPI_plan_get_plan_sources(plan);
        match sources.as_ref().map(|sources| sources.length) {
            None | Some(0) => c"",
            Some(_) => CStr::from_ptr((*pg_sys::list_nth(sources, 0).cast::<pg_sys::CachedPlanSource>()).query_string),
        }
    }
}

/// An open SPI connection. Drop closes it, also while an error unwinds.
pub(super) struct Connection {
    /// The memory context of the caller, to which results must be copied.
    pub(super) outer: pg_sys::MemoryContext,
}

impl Connection {
    pub(super) fn open() -> Self {
        // SAFETY: reads a global that is always set.
        let outer = unsafe { pg_sys::CurrentMemoryContext };
        // SAFETY: pushes a connection, popped by drop or by the abort of the (sub)transaction.
        unsafe { pg_sys::SPI_connect() };
        Self { outer }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: pops the connection that `open` pushed. While an error unwinds out of a nested connection this may
        // pop the nested one; the abort pops the rest.
        unsafe { pg_sys::SPI_finish() };
    }
}
