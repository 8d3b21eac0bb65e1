//! Telling an error again with all that it said.
//!
//! An error of PostgreSQL crosses Rust as a panic and is raised anew at the function's boundary, where pgrx 0.18 knows
//! its SQLSTATE, message, DETAIL and HINT alone. Owns a callback among PostgreSQL's error contexts that remembers the
//! rest when the error is raised, and adds it when it is raised anew: the query that failed and the position in it, the
//! context, the names of what is concerned. Must never outlive the memory context that it was made in: whoever catches
//! an error and goes on puts `error_context_stack` back (`subtransaction`).

use pgrx::pg_sys::{self, ErrorContextCallback, ErrorData};
use pgrx::{PgLogLevel, pg_guard};
use std::ffi::{CStr, c_char, c_int, c_void};

unsafe extern "C-unwind" {
    /// What the macro `errcontext` calls; pgrx leaves it out.
    fn errcontext_msg(format: *const c_char, ...) -> c_int;
}

/// Until dropped, an error in what is run keeps what it says. While an error unwinds it stays in force.
pub struct ErrorDetails {
    state: *mut State,
}

/// Allocated in a memory context of PostgreSQL, which lives until the error has been told.
struct State {
    callback: ErrorContextCallback,
    memory: pg_sys::MemoryContext,
    /// The text to which a position belongs that no other has taken to its own; NULL: there is none.
    query: *const c_char,
    /// Whether the error that was remembered is on its way to be raised anew.
    is_unwinding: bool,
    /// The last error that was raised.
    error: *mut ErrorData,
}

impl ErrorDetails {
    /// Of what is run from now on; a position that is left is one in `query`.
    pub fn of(query: Option<&CStr>) -> Self {
        // SAFETY: everything lives in the current memory context, which outlives the work; the callback is taken off
        // by drop, or by whoever catches the error.
        unsafe {
            let memory = pg_sys::CurrentMemoryContext;
            let query = query.map_or(std::ptr::null_mut(), |query| pg_sys::pstrdup(query.as_ptr()));
            let state = pg_sys::palloc0(size_of::<State>()).cast::<State>();
            let previous = pg_sys::error_context_stack;
            let callback = ErrorContextCallback { previous, callback: Some(on_error), arg: state.cast() };
            let error = std::ptr::null_mut();
            state.write(State { callback, memory, query, is_unwinding: false, error });
            pg_sys::error_context_stack = &raw mut (*state).callback;
            Self { state }
        }
    }
}

impl Drop for ErrorDetails {
    fn drop(&mut self) {
        // SAFETY: the state lives; what is on top of it on the stack belongs to frames that have gone.
        unsafe {
            if std::thread::panicking() {
                (*self.state).is_unwinding = true;
                pg_sys::error_context_stack = &raw mut (*self.state).callback;
            } else {
                pg_sys::error_context_stack = (*self.state).callback.previous;
            }
        }
    }
}

/// PostgreSQL calls it, from the innermost context outwards, for every message that is raised in what is run.
#[pg_guard]
unsafe extern "C-unwind" fn on_error(state: *mut c_void) {
    // SAFETY: the argument that it was registered with.
    unsafe {
        let state = &mut *state.cast::<State>();
        if state.is_unwinding { add_details(state) } else { remember(state) }
    }
}

/// # Safety
/// An error is being raised.
unsafe fn remember(state: &mut State) {
    // SAFETY: copies what is being raised into the memory of the state.
    unsafe {
        let caller = pg_sys::MemoryContextSwitchTo(state.memory);
        let error = pg_sys::CopyErrorData();
        if (*error).elevel < PgLogLevel::ERROR as c_int {
            pg_sys::FreeErrorData(error);
        } else {
            if (*error).cursorpos > 0 && !state.query.is_null() {
                (*error).internalpos = (*error).cursorpos;
                (*error).internalquery = pg_sys::pstrdup(state.query);
            }
            if !state.error.is_null() {
                pg_sys::FreeErrorData(state.error);
            }
            state.error = error;
        }
        pg_sys::MemoryContextSwitchTo(caller);
    }
}

/// # Safety
/// An error is being raised.
unsafe fn add_details(state: &State) {
    // SAFETY: the copy lives as long as the state; PostgreSQL copies the texts.
    unsafe {
        let Some(error) = state.error.as_ref().filter(|error| error.sqlerrcode == pg_sys::geterrcode()) else { return };
        if !error.internalquery.is_null() {
            pg_sys::internalerrquery(error.internalquery);
            pg_sys::internalerrposition(error.internalpos);
        }
        for (field, name) in [
            (pg_sys::PG_DIAG_SCHEMA_NAME, error.schema_name),
            (pg_sys::PG_DIAG_TABLE_NAME, error.table_name),
            (pg_sys::PG_DIAG_COLUMN_NAME, error.column_name),
            (pg_sys::PG_DIAG_DATATYPE_NAME, error.datatype_name),
            (pg_sys::PG_DIAG_CONSTRAINT_NAME, error.constraint_name),
        ] {
            if !name.is_null() {
                pg_sys::err_generic_string(field.into(), name);
            }
        }
        if !error.context.is_null() {
            let context = error.context;
            pg_sys::ffi::pg_guard_ffi_boundary(|| errcontext_msg(c"%s".as_ptr(), context));
        }
    }
}
