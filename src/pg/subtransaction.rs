//! Going on after an error.
//!
//! Owns the one way to catch an error and go on: in a subtransaction that is rolled back. Without one, half-done work,
//! buffers and locks would stay behind. Must never swallow a cancel or a shutdown.

use super::caught::{Caught, catch, parts_of};
use pgrx::pg_sys::panic::{CaughtError, ErrorReport, ErrorReportWithLevel};
use pgrx::{PgSqlErrorCode, pg_sys};

/// Runs `work`. If it raises or returns an error, undoes it and returns the error.
///
/// A cancel (also by `statement_timeout`) and a shutdown are raised again.
pub fn try_to<R, E: Into<ErrorReport>>(work: impl FnOnce() -> Result<R, E>) -> Result<R, ErrorReport> {
    match within(work, Result::is_ok) {
        Ok(result) => result.map_err(Into::into),
        Err(error) if must_pass(&error) => error.raise(),
        Err(error) => Err(report_of(&error)),
    }
}

/// Runs `work`. If it raises an error of contention or one of `refusals`, undoes it and returns None. Every other error
/// is raised again: work that is impossible must not look like contention.
pub fn attempt_despite_contention<R>(refusals: &[PgSqlErrorCode], work: impl FnOnce() -> R) -> Option<R> {
    match within(work, |_| true) {
        Ok(result) => Some(result),
        Err(error)
            if error.sqlstate().is_some_and(|code| OF_CONTENTION.contains(&code) || refusals.contains(&code)) =>
        {
            None
        }
        Err(error) => error.raise(),
    }
}

/// The errors of contention: a serialization failure, a deadlock, a lock that was not free.
const OF_CONTENTION: [PgSqlErrorCode; 3] = [
    PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
    PgSqlErrorCode::ERRCODE_T_R_DEADLOCK_DETECTED,
    PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
];

/// Runs `work` and undoes it. Returns the SQLSTATE that it raised, if it did. Raises again what [`try_to`] raises
/// again, and the errors in `raised_again`.
pub fn rehearse(raised_again: &[PgSqlErrorCode], work: impl FnOnce()) -> Option<PgSqlErrorCode> {
    let error = within(work, |()| false).err()?;
    if must_pass(&error) || error.sqlstate().is_some_and(|code| raised_again.contains(&code)) {
        error.raise();
    }
    Some(error.sqlstate().unwrap_or(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR))
}

/// As [`try_to`], for work that must never fail. Returns the error as text. Raises nothing again: a caller that must
/// not lose an interrupt holds interrupts.
pub fn contain<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    within(work, |_| true).map_err(|error| line_of(error.parts()))
}

/// Runs `work` in a subtransaction, and rolls it back if `work` raises or `keep` rejects its result.
fn within<R>(work: impl FnOnce() -> R, keep: impl FnOnce(&R) -> bool) -> Result<R, Caught> {
    // SAFETY: as in PL/pgSQL's exec_stmt_block: the context, the resource owner and the error contexts of the caller
    // are restored on both ways out, and the subtransaction ends exactly once. Its release may raise too, so it is
    // within the part that catches.
    unsafe {
        let context = pg_sys::CurrentMemoryContext;
        let owner = pg_sys::CurrentResourceOwner;
        let mut is_open = true;
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);

        let outcome = catch(|| {
            let result = work();
            // In a parallel query only reads run here, and their results are copies. Such a query may have used its
            // command ID, and then PostgreSQL refuses a release, which begins another command.
            if keep(&result) && !pg_sys::IsInParallelMode() {
                pg_sys::MemoryContextSwitchTo(context);
                pg_sys::ReleaseCurrentSubTransaction();
                is_open = false;
            }
            result
        });

        if is_open {
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
        }
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
        outcome
    }
}

/// The message and the SQLSTATE of an error, in one line.
pub fn message_of(error: &CaughtError) -> String {
    line_of(parts_of(error))
}

fn line_of(parts: &ErrorReportWithLevel) -> String {
    format!("{} ({:?})", parts.message(), parts.sql_error_code())
}

/// The error as a report of its own.
fn report_of(error: &Caught) -> ErrorReport {
    let parts = error.parts();
    let mut report = ErrorReport::new(parts.sql_error_code(), parts.message().to_owned(), "cache_pg");
    if let Some(detail) = parts.detail() {
        report = report.set_detail(detail);
    }
    if let Some(hint) = parts.hint() {
        report = report.set_hint(hint);
    }
    report
}

/// Whether the error is a cancel.
pub fn is_cancel(error: &CaughtError) -> bool {
    parts_of(error).sql_error_code() == PgSqlErrorCode::ERRCODE_QUERY_CANCELED
}

/// Whether the error is that a lock was not to be had in time.
pub fn is_lock_timeout(error: &CaughtError) -> bool {
    parts_of(error).sql_error_code() == PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE
}

fn must_pass(error: &Caught) -> bool {
    matches!(
        error.sqlstate(),
        Some(
            PgSqlErrorCode::ERRCODE_QUERY_CANCELED
                | PgSqlErrorCode::ERRCODE_ADMIN_SHUTDOWN
                | PgSqlErrorCode::ERRCODE_CRASH_SHUTDOWN
                | PgSqlErrorCode::ERRCODE_DATABASE_DROPPED
        )
    )
}
