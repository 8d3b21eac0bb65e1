//! Whether one of the extension's own statements is running.
//!
//! Owns the mark of a running statement. While it is set, functions that the statement calls for a row that the caller
//! sees answer regardless of the caller's rights on other tables. Must never cover the triggers that the statement
//! fires. Plans of the extension are not parallel, because SPI makes parallel plans only on request, so no parallel
//! worker needs the mark.

use pgrx::{direct_function_call, pg_sys};
use std::cell::Cell;

thread_local! {
    /// The trigger depth at which the innermost statement of the extension runs.
    static RUNNING: Cell<Option<i32>> = const { Cell::new(None) };
}

/// Sets the mark until dropped.
pub(super) struct Running {
    before: Option<i32>,
}

impl Running {
    pub(super) fn new() -> Self {
        Self { before: RUNNING.replace(Some(triggers())) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.set(self.before);
    }
}

/// Whether a statement of the extension called the running function, not a trigger that the statement has fired.
pub fn is_running() -> bool {
    RUNNING.get().is_some_and(|depth| depth == triggers())
}

/// Whether no statement fired the running trigger, neither one of the extension nor one of another trigger: PostgreSQL
/// itself changes the row.
pub fn is_fired_by_no_statement() -> bool {
    triggers() == 1 && RUNNING.get().is_none()
}

/// The trigger depth of this backend.
fn triggers() -> i32 {
    // SAFETY: the function takes no argument, and reads a variable of this backend.
    unsafe { direct_function_call(pg_sys::pg_trigger_depth, &[]) }.unwrap_or_default()
}
