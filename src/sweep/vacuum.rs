//! VACUUM by the sweeper, where autovacuum would come too late.
//!
//! Autovacuum checks a table once in `autovacuum_naptime`, a minute by default. A full cache may have replaced all of
//! its entries by then, and its files would grow to twice the size. So the sweeper runs VACUUM after it has removed a
//! good part of the table. Log and statistics show it like any other. Like autovacuum it ends for a session that needs
//! the table or the database.
//!
//! Owns this VACUUM. Must never wait for the table, run in a transaction, or start where another session vacuums or
//! alters the table: VACUUM would warn of that in the log.

use super::process;
use crate::catalog::ExtensionTables;
use crate::pg::{backend, is_cancel, message_of};
use pgrx::pg_sys::{LOCKMODE, LockRelId};
use pgrx::{IntoDatum, PgMemoryContexts, PgTryBuilder, pg_sys, pg_sys::panic::CaughtError};
use std::{ffi::CString, panic::AssertUnwindSafe};

/// With fewer removed rows the table is left to autovacuum.
const LEAST_REMOVED: u64 = 2000;
/// It is also left to autovacuum if less than one entry in this many was removed.
const LEAST_PART: u64 = 6;

/// Whether the space of `removed` rows is needed in a table of `entries` entries.
pub fn is_due(removed: u64, entries: u64) -> bool {
    removed > LEAST_REMOVED.max(entries / LEAST_PART)
}

/// Whether another VACUUM has cleaned the table meanwhile. Called in a transaction.
pub fn is_vacuumed(tables: &ExtensionTables, removed: u64) -> bool {
    // SAFETY: the function takes the OID of a relation.
    let dead: Option<i64> =
        unsafe { pgrx::direct_function_call(pg_sys::pg_stat_get_dead_tuples, &[tables.entries.into_datum()]) };
    dead.is_some_and(|dead| (dead.max(0) as u64) < removed / 2)
}

/// The locks that VACUUM takes on a table and its TOAST table. The session holds them beyond the end of a transaction.
pub struct Locks(Vec<(LockRelId, LOCKMODE)>);

impl Locks {
    /// The locks for `cache_entries`. None: another session holds a conflicting lock. Called in a transaction.
    pub fn try_take(tables: &ExtensionTables) -> Option<Self> {
        let mut locks = Self(Vec::new());
        if !locks.add(tables.entries, pg_sys::AccessShareLock)
            || !locks.add(tables.entries, pg_sys::ShareUpdateExclusiveLock)
        {
            return None;
        }
        // SAFETY: the table is locked, and a DROP needs a conflicting lock.
        let toast = unsafe {
            let relation = pg_sys::try_relation_open(tables.entries, pg_sys::NoLock as LOCKMODE);
            let relation = std::ptr::NonNull::new(relation)?;
            let toast = (*relation.as_ref().rd_rel).reltoastrelid;
            pg_sys::relation_close(relation.as_ptr(), pg_sys::NoLock as LOCKMODE);
            toast
        };
        (toast == pg_sys::InvalidOid || locks.add(toast, pg_sys::ShareUpdateExclusiveLock)).then_some(locks)
    }

    fn add(&mut self, relation: pg_sys::Oid, mode: u32) -> bool {
        let mode = mode as LOCKMODE;
        // SAFETY: locks by OID; the session gets a lock that the transaction holds without a wait.
        unsafe {
            if !pg_sys::ConditionalLockRelationOid(relation, mode) {
                return false;
            }
            let mut id = LockRelId { relId: relation, dbId: backend::database() };
            pg_sys::LockRelationIdForSession(&raw mut id, mode);
            self.0.push((id, mode));
        }
        true
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        for (id, mode) in &mut self.0 {
            // SAFETY: the session holds the lock.
            unsafe { pg_sys::UnlockRelationIdForSession(id, *mode) };
        }
    }
}

/// While this value lives, the process counts as autovacuum. A session that waits for the table for `deadlock_timeout`
/// cancels it. DROP DATABASE, CREATE DATABASE and other commands that wait for its connections end it, where
/// they would otherwise give up after five seconds.
struct AsAutovacuum;

impl AsAutovacuum {
    fn begin() -> Self {
        Self::mark(true);
        Self
    }

    fn mark(is_autovacuum: bool) {
        const PROC_ARRAY_LOCK: usize = 4;
        let flag = pg_sys::PROC_IS_AUTOVACUUM as u8;
        // SAFETY: the flags of this process and their copy are changed under the lock that PostgreSQL uses for that
        // (`vacuum_rel`); nothing here raises. The readers of this flag need no more than a process that may be
        // signalled. If the process ends early, InitProcess clears the flag.
        unsafe {
            let lock = &raw mut (*pg_sys::MainLWLockArray.add(PROC_ARRAY_LOCK)).lock;
            pg_sys::LWLockAcquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE);
            let process = pg_sys::MyProc;
            let flags = if is_autovacuum { (*process).statusFlags | flag } else { (*process).statusFlags & !flag };
            (*process).statusFlags = flags;
            *(*pg_sys::ProcGlobal).statusFlags.add((*process).pgxactoff as usize) = flags;
            pg_sys::LWLockRelease(lock);
        }
    }
}

impl Drop for AsAutovacuum {
    fn drop(&mut self) {
        Self::mark(false);
        // SAFETY: a flag that a signal handler sets. A late cancel was meant for the VACUUM, which is over.
        unsafe { (&raw mut pg_sys::QueryCancelPending).write_volatile(0) };
    }
}

/// Vacuums `cache_entries`, whose locks the session holds. False: a waiting session has cancelled it.
///
/// # Errors
/// The message of the error that VACUUM raised.
pub fn run(schema: &str, mut locks: Locks) -> Result<bool, String> {
    let command = format!("VACUUM (SKIP_LOCKED, TRUNCATE FALSE, PARALLEL 0) {schema}.cache_entries");
    let command = CString::new(command).unwrap_or_default();
    process::report(Some(&command));
    // The command outlives the transactions that VACUUM begins and ends.
    let context = PgMemoryContexts::new("cache_pg vacuum");
    let as_autovacuum = AsAutovacuum::begin();
    let outcome = PgTryBuilder::new(AssertUnwindSafe(|| {
        // SAFETY: as PostgreSQL runs a command: outside of a transaction block, and with the memory of a portal, in
        // which VACUUM keeps its own. The memory context before this belongs to the transaction that VACUUM ends, so it
        // must not become current again: the commit runs in a context that lives on.
        unsafe {
            pg_sys::SetCurrentStatementStartTimestamp();
            pg_sys::StartTransactionCommand();
            pg_sys::PortalContext = context.value();
            pg_sys::MemoryContextSwitchTo(context.value());
            let parsed = pgrx::PgList::<pg_sys::RawStmt>::from_pg(pg_sys::pg_parse_query(command.as_ptr()));
            if let Some(statement) = parsed.get_ptr(0) {
                let state = pg_sys::make_parsestate(std::ptr::null_mut());
                pg_sys::ExecVacuum(state, (*statement).stmt.cast(), true);
            }
            pg_sys::CommitTransactionCommand();
        }
        Ok(true)
    }))
    .catch_others(|error: CaughtError| {
        // SAFETY: rolls back the transaction; the error state is flushed after this handler.
        unsafe { pg_sys::AbortCurrentTransaction() };
        if is_cancel(&error) { Ok(false) } else { Err(message_of(&error)) }
    })
    .execute();
    drop(as_autovacuum);
    if outcome != Ok(true) {
        // The rollback has released the session's locks too.
        locks.0.clear();
    }
    // SAFETY: the memory of the portal is no longer used; the statistics of the VACUUM are sent.
    unsafe {
        pg_sys::PortalContext = std::ptr::null_mut();
        pg_sys::pgstat_report_stat(true);
    }
    outcome
}
