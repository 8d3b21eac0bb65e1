//! How a warming has ended, as its caller is told.
//!
//! Owns these messages. Must never show an error of a worker to a role that may not see `cache_loads`.

use crate::ahead::loads::Ended;
use crate::ahead::tally::Tally;
use crate::error::{self, CacheError, ErrorReport, LoadError};
use pgrx::prelude::*;
use pgrx::{PgLogLevel, pg_sys};

/// What may be told to the caller of an error in a worker: the view with these errors is for pg_monitor.
pub(super) fn told(last: String) -> String {
    // SAFETY: reads the roles in the catalogs.
    let may_know = unsafe { pg_sys::has_privs_of_role(pg_sys::GetUserId(), pg_sys::ROLE_PG_MONITOR.into()) };
    if may_know { last } else { "for a key that cache_loads shows to pg_monitor".into() }
}

/// The error for a namespace whose loads fail.
pub(super) fn failing(namespace: String, failures: u32, last: &str) -> CacheError {
    let times = if failures == 1 {
        "The last load has failed".into()
    } else {
        format!("The last {failures} loads have failed")
    };
    LoadError::Failing(namespace, format!("{times}, the last {last}.")).into()
}

/// Says of which keys the workers could compute no value.
///
/// # Errors
/// [`LoadError::Failing`]: of a namespace there was none that they could.
pub(super) fn judge(ended: Vec<Ended>) -> Result<(), CacheError> {
    for Ended { namespace, tally: Tally { warmed, failed, null }, last } in ended {
        let last = told(last.map_or_else(String::new, |last| last.explained()));
        let code = PgSqlErrorCode::ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
        let say = |message: String, detail: String, level| {
            let report = ErrorReport::new(code, message, "cache_pg");
            error::report_and_go_on(if detail.is_empty() { report } else { report.set_detail(detail) }, level);
        };
        if failed > 0 && warmed == 0 {
            return Err(
                LoadError::Failing(namespace, format!("All {failed} loads have failed, the last {last}.")).into()
            );
        }
        if failed > 0 {
            let keys = if failed == 1 { "key" } else { "keys" };
            let message = format!("{failed} {keys} of cache namespace \"{namespace}\" could not be loaded");
            say(message, format!("The last error: {last}."), PgLogLevel::WARNING);
        }
        if null > 0 {
            let keys = if null == 1 { "key" } else { "keys" };
            let message = format!("the loader returned NULL for {null} {keys} of cache namespace \"{namespace}\"");
            say(message, String::new(), PgLogLevel::NOTICE);
        }
    }
    Ok(())
}
