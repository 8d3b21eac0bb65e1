//! What the launcher and the sweepers need as processes: signals, naps, transactions that may fail.
//!
//! Owns what pgrx's worker helpers do not do: a SIGTERM interrupts a running statement, a reload reaches the settings,
//! and after an error the transaction is rolled back and the process goes on. Must never let an error leave a
//! transaction open.

use crate::pg::{backend, compat, latch, message_of, under_transaction};
use pgrx::bgworkers::DynamicBackgroundWorker;
use pgrx::{PgTryBuilder, pg_sys, pg_sys::panic::CaughtError};
use std::{ffi::CStr, panic::AssertUnwindSafe, time::Duration};

/// Sets the signal handlers and unblocks signals. Called first in a process. SIGTERM ends it with exit code 1; the
/// postmaster then restarts a launcher, unless it is itself stopping.
pub fn start() {
    // SAFETY: the handlers are PostgreSQL's own, which set flags and the latch; they raise nothing in a worker.
    unsafe {
        compat::set_signal_handler(pg_sys::SIGHUP as i32, Some(compat::reload_at_signal));
        compat::set_signal_handler(pg_sys::SIGTERM as i32, Some(compat::end_at_signal));
        pg_sys::BackgroundWorkerUnblockSignals();
    }
}

/// Settings that an administrator makes for sessions and that do not apply here (autovacuum does the same).
const SETTINGS: [(&CStr, &CStr); 2] =
    [(c"default_transaction_isolation", c"read committed"), (c"default_transaction_read_only", c"off")];

/// The next sweep repeats one that a crash has lost.
pub const LAZY: [(&CStr, &CStr); 1] = [(c"synchronous_commit", c"off")];

/// Connects to a database with the rights of the bootstrap superuser. None: to the shared catalogs only. No timeout of
/// sessions applies; `settings` are set as well.
pub fn connect(database: Option<pg_sys::Oid>, settings: &[(&CStr, &CStr)]) {
    // SAFETY: called once in a background worker that asked for a database connection.
    unsafe {
        match database {
            Some(oid) => pg_sys::BackgroundWorkerInitializeConnectionByOid(oid, pg_sys::Oid::INVALID, 0),
            None => pg_sys::BackgroundWorkerInitializeConnection(std::ptr::null(), std::ptr::null(), 0),
        }
    }
    let no_timeouts = compat::TIMEOUTS.iter().map(|&name| (name, c"0"));
    for (name, value) in SETTINGS.into_iter().chain(no_timeouts).chain(settings.iter().copied()) {
        // SAFETY: names and values of built-in settings.
        unsafe {
            pg_sys::SetConfigOption(
                name.as_ptr(),
                value.as_ptr(),
                pg_sys::GucContext::PGC_SUSET,
                pg_sys::GucSource::PGC_S_OVERRIDE,
            );
        }
    }
}

/// Ends a worker at its next check for interrupts.
pub fn end(worker: &DynamicBackgroundWorker) {
    signal(worker, libc::SIGTERM);
}

/// Cancels what a worker runs.
pub fn cancel(worker: &DynamicBackgroundWorker) {
    signal(worker, libc::SIGINT);
}

/// The handle knows whether the process is still this worker, so that no other process gets the signal.
fn signal(worker: &DynamicBackgroundWorker, signal: libc::c_int) {
    if let Ok(pid) = worker.pid() {
        // SAFETY: a signal that every worker with a database handles.
        unsafe { libc::kill(pid, signal) };
    }
}

/// Sleeps until the time is over or the latch is set, and reloads a changed configuration.
pub fn nap(length: Duration) {
    latch::nap(length);
    // SAFETY: the handler of SIGHUP sets the flag; the main loop reads the files.
    unsafe {
        if (&raw const pg_sys::ConfigReloadPending).read_volatile() != 0 {
            (&raw mut pg_sys::ConfigReloadPending).write_volatile(0);
            pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP);
        }
    }
}

/// Runs `work` in a transaction of its own, under a fresh snapshot.
///
/// # Errors
/// The message and SQLSTATE of an error that `work` raised; everything it did is rolled back.
pub fn transaction<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    attempt(work, message_of)
}

/// The same; `failure` makes the result of an error.
///
/// # Errors
/// What `failure` returns for an error that `work` raised; everything it did is rolled back.
pub fn attempt<R, E>(work: impl FnOnce() -> R, failure: fn(&CaughtError) -> E) -> Result<R, E> {
    let outcome = PgTryBuilder::new(AssertUnwindSafe(|| {
        // SAFETY: started and committed in pairs; on an error the handler below aborts instead.
        unsafe {
            pg_sys::SetCurrentStatementStartTimestamp();
            pg_sys::StartTransactionCommand();
            let result = under_transaction(work);
            pg_sys::CommitTransactionCommand();
            Ok(result)
        }
    }))
    .catch_others(|error: CaughtError| {
        // SAFETY: rolls back the transaction; the error state is flushed after this handler.
        unsafe { pg_sys::AbortCurrentTransaction() };
        Err(failure(&error))
    })
    .execute();
    // SAFETY: outside of a transaction, as every backend does before it waits. Without it autovacuum would never learn
    // of rows that a worker has removed.
    unsafe { pg_sys::pgstat_report_stat(false) };
    outcome
}

/// Whether no session is about to drop, rename or copy this database. Each of these takes a lock on the database and
/// then waits five seconds for its connections to end. This asks again for the lock that a connecting backend takes,
/// without waiting. The end of the transaction releases it.
pub fn database_is_free() -> bool {
    let database = backend::database();
    let tag = pg_sys::LOCKTAG {
        locktag_field1: pg_sys::Oid::INVALID.to_u32(),
        locktag_field2: pg_sys::DatabaseRelationId.to_u32(),
        locktag_field3: database.to_u32(),
        locktag_field4: 0,
        locktag_type: pg_sys::LockTagType::LOCKTAG_OBJECT as u8,
        locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
    };
    // SAFETY: the tag is that of SET_LOCKTAG_OBJECT for a shared object; in a transaction, which releases the lock.
    let taken = unsafe { pg_sys::LockAcquire(&tag, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE, false, true) };
    taken != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}

/// Shows in `pg_stat_activity` what the process is doing. None: it is idle.
pub fn report(activity: Option<&CStr>) {
    let (state, text) = match activity {
        Some(text) => (pg_sys::BackendState::STATE_RUNNING, text.as_ptr()),
        None => (pg_sys::BackendState::STATE_IDLE, std::ptr::null()),
    };
    // SAFETY: the text is copied.
    unsafe { pg_sys::pgstat_report_activity(state, text) };
}
