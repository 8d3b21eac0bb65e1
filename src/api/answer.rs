//! How a function answers in spite of an error: the setting `cache_pg.errors`.
//!
//! Owns the one way in which functions answer in spite of an error. Must never swallow a cancel, a timeout of the
//! statement or a shutdown.

use crate::error::{CacheError, ErrorReport};
use crate::pg::{backend, try_to};
use crate::settings::{self, Errors};
use crate::{error, stats};
use cache_pg_rules::key::Key;
use pgrx::PgLogLevel;

/// The answer of a function about `key`. If its work fails and `cache_pg.errors` is not `raise`, the work is undone and
/// the answer is the default: a miss, false, 0 or NULL.
pub fn answer<R: Default>(key: Option<&str>, work: impl FnOnce() -> Result<R, CacheError>) -> Result<R, ErrorReport> {
    match settings::errors() {
        Errors::Raise => Ok(work()?),
        errors => Ok(swallow(key, errors, work).unwrap_or_default()),
    }
}

/// As [`answer`], for functions that configure or maintain the cache: nobody must take their failure for success. So
/// they warn, even if `cache_pg.errors` is `ignore`.
pub fn answer_with_warning<R: Default>(work: impl FnOnce() -> Result<R, CacheError>) -> Result<R, ErrorReport> {
    match settings::errors() {
        Errors::Raise => Ok(work()?),
        _ => Ok(swallow(None, Errors::Warn, work).unwrap_or_default()),
    }
}

/// Does the work; undoes it and returns None if it fails. Counts the error.
pub fn swallow<R>(key: Option<&str>, errors: Errors, work: impl FnOnce() -> Result<R, CacheError>) -> Option<R> {
    // Before PostgreSQL 17 a parallel query can start no subtransaction. Then an error that PostgreSQL raises passes.
    let result = match backend::may_start_subtransaction() {
        true => try_to(work),
        false => work().map_err(ErrorReport::from),
    };
    let report = match result {
        Ok(result) => return Some(result),
        Err(report) => report,
    };
    stats::count_error(key.and_then(|key| Key::parse(key).ok()));
    if errors == Errors::Warn {
        error::report_and_go_on(report, PgLogLevel::WARNING);
    }
    None
}
