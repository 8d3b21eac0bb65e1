//! Raising an error again with all its details.
//!
//! An error of PostgreSQL crosses Rust code as a panic. pgrx 0.18 raises it again at the boundary of the function, but
//! keeps only its SQLSTATE, message, DETAIL and HINT. Owns an error context callback that copies the other details when
//! the error is raised, and adds them when it is raised again: the failed query and the position in it, the context,
//! and the names of the objects concerned. Must never outlive the memory context in which it was made: code that
//! catches an error and goes on restores `error_context_stack` (`subtransaction`).

use pgrx::pg_sys::{self, ErrorContextCallback, ErrorData};
use pgrx::{PgLogLevel, pg_guard};
use std::ffi::{CStr, c_char, c_int, c_void};

unsafe extern "C-unwind" {
    /// The function behind the macro `errcontext`; pgrx does not bind it.
    fn errcontext_msg(format: *const c_char, ...) -> c_int;
}

/// Until dropped, keeps the details of errors that the code which runs raises. Stays in force while an error unwinds.
pub struct ErrorDetails {
    state: *mut State,
}

/// Allocated in a memory context of PostgreSQL that lives until the error has been reported.
struct State {
    callback: ErrorContextCallback,
    memory: pg_sys::MemoryContext,
    /// The query that a cursor position refers to, if no inner query has claimed the position. NULL if there is none.
    query: *const c_char,
    /// Whether the copied error is on its way to be raised again.
    is_unwinding: bool,
    /// The last error that was raised.
    error: *mut ErrorData,
}

impl ErrorDetails {
    /// Keeps the details of errors that are raised from now on. A cursor position that no inner query has claimed
    /// refers to `query`.
    pub fn of(query: Option<&CStr>) -> Self {
        // SAFETY: everything lives in the current memory context, which outlives the work. Drop, or the code that
        // catches the error, takes the callback off the stack.
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
        // SAFETY: the state lives; callbacks above it on the stack belong to frames that have gone.
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

/// PostgreSQL calls this, from the innermost context outwards, for every message that is raised.
#[pg_guard]
unsafe extern "C-unwind" fn on_error(state: *mut c_void) {
    // SAFETY: the argument with which the callback was registered.
    unsafe {
        let state = &mut *state.cast::<State>();
        if state.is_unwinding { add_details(state) } else { remember(state) }
    }
}

/// # Safety
/// An error is being raised.
unsafe fn remember(state: &mut State) {
    // SAFETY: copies the error that is being raised into the memory of the state.
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
