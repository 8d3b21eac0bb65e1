//! An error as PostgreSQL reports it.

use super::CacheError;
use pgrx::PgLogLevel;
use pgrx::pg_sys::panic::ErrorReport;

impl CacheError {
    /// Raises it, as PostgreSQL raises an error of its own in the middle of something.
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
