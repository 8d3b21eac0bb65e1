//! Going on after an error.
//!
//! Owns the one way to catch an error and go on: in a subtransaction that is rolled back. Without one, half-done work,
//! buffers and locks would stay behind. Must never swallow a cancel or a shutdown.

use pgrx::pg_sys::panic::{CaughtError, ErrorReport, ErrorReportWithLevel};
use pgrx::{PgSqlErrorCode, PgTryBuilder, pg_sys};
use std::panic::AssertUnwindSafe;

/// Runs `work`. If it raises or returns an error, undoes it and returns the error.
///
/// A cancel (also by `statement_timeout`) and a shutdown are raised again.
pub fn try_to<R, E: Into<ErrorReport>>(work: impl FnOnce() -> Result<R, E>) -> Result<R, ErrorReport> {
    match within(work, Result::is_ok) {
        Ok(result) => result.map_err(Into::into),
        Err(error) if must_pass(&error) => error.rethrow(),
        Err(error) => Err(report_of(&error)),
    }
}

/// Runs `work`. If it raises an error of contention or one of `refusals`, undoes it and returns None. Every other error
/// is raised again: work that is impossible must not look like contention.
pub fn attempt_despite_contention<R>(refusals: &[PgSqlErrorCode], work: impl FnOnce() -> R) -> Option<R> {
    match within(work, |_| true) {
        Ok(result) => Some(result),
        Err(error)
            if sqlstate(&error).is_some_and(|code| OF_CONTENTION.contains(&code) || refusals.contains(&code)) =>
        {
            None
        }
        Err(error) => error.rethrow(),
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
    if must_pass(&error) || sqlstate(&error).is_some_and(|code| raised_again.contains(&code)) {
        error.rethrow();
    }
    Some(sqlstate(&error).unwrap_or(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR))
}

/// As [`try_to`], for work that must never fail. Returns the error as text. Raises nothing again: a caller that must
/// not lose an interrupt holds interrupts.
pub fn contain<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    within(work, |_| true).map_err(|error| message_of(&error))
}

/// Runs `work` in a subtransaction, and rolls it back if `work` raises or `keep` rejects its result.
fn within<R>(work: impl FnOnce() -> R, keep: impl FnOnce(&R) -> bool) -> Result<R, CaughtError> {
    // SAFETY: as in PL/pgSQL's exec_stmt_block: the context, the resource owner and the error contexts of the caller
    // are restored on both ways out, and the subtransaction ends exactly once. Its release may raise too, so it is
    // within the part that catches.
    unsafe {
        let context = pg_sys::CurrentMemoryContext;
        let owner = pg_sys::CurrentResourceOwner;
        let error_contexts = pg_sys::error_context_stack;
        let mut is_open = true;
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);

        let run = || {
            let result = work();
            // In a parallel query only reads run here, and their results are copies. Such a query may have used its
            // command ID, and then PostgreSQL refuses a release, which begins another command.
            if keep(&result) && !pg_sys::IsInParallelMode() {
                pg_sys::MemoryContextSwitchTo(context);
                pg_sys::ReleaseCurrentSubTransaction();
                is_open = false;
            }
            Ok(result)
        };
        let outcome = PgTryBuilder::new(AssertUnwindSafe(run)).catch_others(Err).catch_rust_panic(Err).execute();

        pg_sys::MemoryContextSwitchTo(context);
        if is_open {
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
        }
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
        pg_sys::error_context_stack = error_contexts;
        outcome
    }
}

fn sqlstate(error: &CaughtError) -> Option<PgSqlErrorCode> {
    match error {
        CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => Some(report.sql_error_code()),
        CaughtError::RustPanic { .. } => None,
    }
}

/// The message and the SQLSTATE of an error, in one line.
pub fn message_of(error: &CaughtError) -> String {
    let report = parts_of(error);
    format!("{} ({:?})", report.message(), report.sql_error_code())
}

fn parts_of(error: &CaughtError) -> &ErrorReportWithLevel {
    let (CaughtError::PostgresError(report)
    | CaughtError::ErrorReport(report)
    | CaughtError::RustPanic { ereport: report, .. }) = error;
    report
}

/// The error as a report of its own.
fn report_of(error: &CaughtError) -> ErrorReport {
    let parts = parts_of(error);
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
    sqlstate(error) == Some(PgSqlErrorCode::ERRCODE_QUERY_CANCELED)
}

fn must_pass(error: &CaughtError) -> bool {
    matches!(
        sqlstate(error),
        Some(
            PgSqlErrorCode::ERRCODE_QUERY_CANCELED
                | PgSqlErrorCode::ERRCODE_ADMIN_SHUTDOWN
                | PgSqlErrorCode::ERRCODE_CRASH_SHUTDOWN
                | PgSqlErrorCode::ERRCODE_DATABASE_DROPPED
        )
    )
}
