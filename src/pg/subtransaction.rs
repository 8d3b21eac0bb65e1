//! Going on after an error.
//!
//! Owns the one way to catch an error and carry on: inside a subtransaction that is rolled back. Catching without
//! one leaves half-done work, buffers and locks behind. Must never swallow a cancel or a shutdown.

use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgSqlErrorCode, PgTryBuilder, pg_sys};
use std::panic::AssertUnwindSafe;

/// Runs `work`; None, with nothing of it left, when it raised an error.
///
/// Cancel (also by `statement_timeout`) and shutdown pass on to the caller.
pub fn attempt<R>(work: impl FnOnce() -> R) -> Option<R> {
    match within(work, true) {
        Ok(result) => Some(result),
        Err(error) if must_pass(&error) => error.rethrow(),
        Err(_) => None,
    }
}

/// Runs `work`; None, with nothing of it left, when it raised what others are the reason of at this moment, or one of
/// `refusals`. Every other error passes: what cannot be done must not look as if somebody had been in the way.
pub fn attempt_despite_contention<R>(refusals: &[PgSqlErrorCode], work: impl FnOnce() -> R) -> Option<R> {
    match within(work, true) {
        Ok(result) => Some(result),
        Err(error)
            if sqlstate(&error).is_some_and(|code| OF_CONTENTION.contains(&code) || refusals.contains(&code)) =>
        {
            None
        }
        Err(error) => error.rethrow(),
    }
}

/// A conflict, a deadlock, a lock that could not be had at once.
const OF_CONTENTION: [PgSqlErrorCode; 3] = [
    PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
    PgSqlErrorCode::ERRCODE_T_R_DEADLOCK_DETECTED,
    PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
];

/// Runs `work` and undoes it; the SQLSTATE that it raised, if it did. Passes on what [`attempt`] does, and errors of
/// `others`.
pub fn rehearse(others: &[PgSqlErrorCode], work: impl FnOnce()) -> Option<PgSqlErrorCode> {
    let error = within(work, false).err()?;
    if must_pass(&error) || sqlstate(&error).is_some_and(|code| others.contains(&code)) {
        error.rethrow();
    }
    Some(sqlstate(&error).unwrap_or(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR))
}

/// As [`attempt`], for what must not fail at all: what it raised, in words. Nothing passes; an interrupt that is not to
/// be lost is held by the caller.
pub fn contain<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    within(work, true).map_err(|error| message_of(&error))
}

/// Runs `work` in a subtransaction, which is rolled back where it raises, or where nothing of it is to be kept.
fn within<R>(work: impl FnOnce() -> R, keep: bool) -> Result<R, CaughtError> {
    // SAFETY: as PL/pgSQL's exec_stmt_block: the context, the resource owner and the error contexts of the caller
    // are restored on both ways out, and the subtransaction is ended exactly once.
    unsafe {
        let context = pg_sys::CurrentMemoryContext;
        let owner = pg_sys::CurrentResourceOwner;
        let error_contexts = pg_sys::error_context_stack;
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);

        let outcome =
            PgTryBuilder::new(AssertUnwindSafe(|| Ok(work()))).catch_others(Err).catch_rust_panic(Err).execute();

        pg_sys::MemoryContextSwitchTo(context);
        match outcome {
            Ok(_) if keep => pg_sys::ReleaseCurrentSubTransaction(),
            _ => pg_sys::RollbackAndReleaseCurrentSubTransaction(),
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

/// An error in one line.
pub fn message_of(error: &CaughtError) -> String {
    let (CaughtError::PostgresError(report)
    | CaughtError::ErrorReport(report)
    | CaughtError::RustPanic { ereport: report, .. }) = error;
    format!("{} ({:?})", report.message(), report.sql_error_code())
}

/// Whether somebody has cancelled what raised it.
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
