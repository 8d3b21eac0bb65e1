//! The position of an error in a query within the running one.
//!
//! Owns an error context that says which query a position belongs to, as SPI does for what it parses. Must never stay
//! in force longer than the parsing of that query.

use pgrx::pg_guard;
use pgrx::pg_sys::{self, ErrorContextCallback};
use std::ffi::{CStr, c_void};

/// Until dropped, the position of an error is one in this query, and the report shows the query.
pub struct InnerQuery {
    callback: Box<ErrorContextCallback>,
}

impl InnerQuery {
    /// The query must live as long as this.
    pub fn of(query: &CStr) -> Self {
        // SAFETY: reads and sets a variable of this backend; the callback stays at its address until drop takes it off.
        unsafe {
            let previous = pg_sys::error_context_stack;
            let arg = query.as_ptr().cast_mut().cast();
            let mut callback = Box::new(ErrorContextCallback { previous, callback: Some(claim_position), arg });
            pg_sys::error_context_stack = &raw mut *callback;
            Self { callback }
        }
    }
}

impl Drop for InnerQuery {
    fn drop(&mut self) {
        // SAFETY: what was pushed after this belonged to frames that have gone.
        unsafe { pg_sys::error_context_stack = self.callback.previous };
    }
}

/// PostgreSQL calls this for each message.
#[pg_guard]
unsafe extern "C-unwind" fn claim_position(query: *mut c_void) {
    // SAFETY: a message is being raised, and the query lives as long as the callback.
    unsafe {
        let position = pg_sys::geterrposition();
        if position > 0 {
            pg_sys::errposition(0);
            pg_sys::internalerrposition(position);
            pg_sys::internalerrquery(query.cast());
        }
    }
}
