//! A limit on how long something may take in a background worker.
//!
//! Owns the use of PostgreSQL's statement timeout for that: it cancels what runs, wherever that checks for interrupts.
//! Must never be used in a session of a client, whose own timeout it would end.

use pgrx::pg_sys;
use std::ffi::c_int;
use std::time::Duration;

/// `STATEMENT_TIMEOUT` of `TimeoutId`, which has this number in every version. pgrx has no bindings for timeouts.
const STATEMENT_TIMEOUT: c_int = 3;

unsafe extern "C-unwind" {
    fn enable_timeout_after(id: c_int, delay_ms: c_int);
    fn disable_timeout(id: c_int, keep_indicator: bool);
}

/// Until dropped, an interrupt cancels what takes longer.
pub struct TimeLimit;

impl TimeLimit {
    /// From now on.
    pub fn begin(length: Duration) -> Self {
        let ms = i32::try_from(length.as_millis()).unwrap_or(i32::MAX).max(1);
        forget_cancel();
        // SAFETY: every process with a database has registered this timeout.
        unsafe { enable_timeout_after(STATEMENT_TIMEOUT, ms) };
        Self
    }
}

/// Forgets a cancel that came too late for what it was meant for.
pub fn forget_cancel() {
    // SAFETY: a flag that a signal handler sets.
    unsafe { (&raw mut pg_sys::QueryCancelPending).write_volatile(0) };
}

impl Drop for TimeLimit {
    fn drop(&mut self) {
        // SAFETY: ends the timeout, whether it has come or not.
        unsafe { disable_timeout(STATEMENT_TIMEOUT, false) };
        forget_cancel();
    }
}
