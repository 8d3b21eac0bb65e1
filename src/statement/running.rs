//! Whether one of the extension's own statements is running.
//!
//! Owns that mark: what such a statement asks about rows that the caller sees is answered whatever the caller may see
//! of other tables. It holds for the statement itself, and must never hold for triggers that the statement fires. Plans
//! of the extension are not parallel (SPI makes parallel ones only where it is asked to), so no worker needs the mark.

use pgrx::{direct_function_call, pg_sys};
use std::cell::Cell;

thread_local! {
    /// In how many triggers the innermost of them runs.
    static RUNNING: Cell<Option<i32>> = const { Cell::new(None) };
}

/// The mark, until it is dropped.
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

/// Whether the calling function is called by a statement of the extension, not by a trigger that this has fired.
pub fn is_running() -> bool {
    RUNNING.get().is_some_and(|depth| depth == triggers())
}

/// Whether the calling trigger was fired by no statement, neither of the extension nor of another trigger: by what
/// PostgreSQL itself does to the row.
pub fn is_fired_by_no_statement() -> bool {
    triggers() == 1 && RUNNING.get().is_none()
}

/// In how many triggers this backend is.
fn triggers() -> i32 {
    // SAFETY: the function takes no argument, and reads a variable of this backend.
    unsafe { direct_function_call(pg_sys::pg_trigger_depth, &[]) }.unwrap_or_default()
}
