//! Errors and warnings as PostgreSQL reports them.
//!
//! Owns how the parts of a message reach PostgreSQL. Must never hold a lock, a borrow or a guard while it reports.

use super::cache_error::CacheError;
use pgrx::{PgLogLevel, PgSqlErrorCode, pg_sys, pg_sys::panic::ErrorReport};

impl CacheError {
    /// The message, and what to do, in one line for a view.
    pub fn explained(&self) -> String {
        self.hint().map_or_else(|| self.to_string(), |hint| format!("{self}: {hint}"))
    }

    /// Raises the error from within any code, as PostgreSQL raises its own.
    pub fn raise(self) -> ! {
        ErrorReport::from(self).report(PgLogLevel::ERROR);
        unreachable!("an ERROR unwinds")
    }
}

impl From<CacheError> for ErrorReport {
    fn from(error: CacheError) -> Self {
        let mut report = ErrorReport::new(error.sqlstate(), error.to_string(), "cache_pg");
        if let Some(detail) = error.detail() {
            report = report.set_detail(detail);
        }
        if let Some(hint) = error.hint() {
            report = report.set_hint(hint);
        }
        report
    }
}

/// Reports a warning with a DETAIL and a HINT. If a cancel is pending, this jumps past the Rust frames of the caller.
pub fn warn(code: PgSqlErrorCode, message: &'static str, detail: &str, hint: &str) {
    let report = ErrorReport::new(code, message, "cache_pg");
    report.set_detail(detail).set_hint(hint).report(PgLogLevel::WARNING);
}

/// Reports below ERROR from the middle of a call. A cancel that is pending waits.
pub fn report_and_go_on(report: ErrorReport, level: PgLogLevel) {
    // SAFETY: a variable of this backend. A cancel must not jump over our frames: PostgreSQL serves it later.
    unsafe { pg_sys::InterruptHoldoffCount += 1 };
    report.report(level);
    // SAFETY: as above.
    unsafe { pg_sys::InterruptHoldoffCount -= 1 };
}
