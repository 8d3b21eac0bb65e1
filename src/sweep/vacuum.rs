//! Vacuum, where autovacuum would come too late.
//!
//! It looks at a table once in `autovacuum_naptime`, a minute by default, and a cache that is at its limit may have
//! replaced all of its entries by then: its files would grow to twice the size. So the sweeper vacuums the table itself
//! when it has removed a good part of it, as VACUUM does, and is told of in the log and the statistics like any. It is
//! ended for somebody who wants the table, or the database, as autovacuum is. Must never wait for the table, nor be run
//! in a transaction, nor begin where somebody else vacuums or alters the table: of that VACUUM would warn in the log.

use super::process;
use crate::catalog::ExtensionTables;
use crate::pg::backend;
use crate::pg::subtransaction::{is_cancel, message_of};
use pgrx::PgMemoryContexts;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::pg_sys::{LOCKMODE, LockRelId};
use pgrx::{IntoDatum, PgTryBuilder, pg_sys};
use std::ffi::CString;
use std::panic::AssertUnwindSafe;

/// Fewer removed rows are left to autovacuum,
const AT_LEAST: u64 = 2000;
/// and so is a smaller part of all.
const PART: u64 = 6;

/// Whether `removed` rows are so many of `entries` that their room is needed.
pub fn is_due(removed: u64, entries: u64) -> bool {
    removed > AT_LEAST.max(entries / PART)
}

/// Whether somebody else has vacuumed the table meanwhile. In a transaction.
pub fn is_clean(tables: &ExtensionTables, removed: u64) -> bool {
    // SAFETY: the function takes a number of a relation.
    let dead: Option<i64> =
        unsafe { pgrx::direct_function_call(pg_sys::pg_stat_get_dead_tuples, &[tables.entries.into_datum()]) };
    dead.is_some_and(|dead| (dead.max(0) as u64) < removed / 2)
}

/// The locks that VACUUM takes on a table and on what lies out of line, held beyond the end of a transaction.
pub struct Locks(Vec<(LockRelId, LOCKMODE)>);

impl Locks {
    /// Those on the entries; None where that means to wait for somebody. In a transaction.
    pub fn try_take(tables: &ExtensionTables) -> Option<Self> {
        let mut locks = Self(Vec::new());
        if !locks.add(tables.entries, pg_sys::AccessShareLock)
            || !locks.add(tables.entries, pg_sys::ShareUpdateExclusiveLock)
        {
            return None;
        }
        // SAFETY: the table is locked, and there: whoever drops it has a lock that conflicts.
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
        // SAFETY: locks by number; what the transaction has, the session gets without a wait.
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
            // SAFETY: the session has the lock.
            unsafe { pg_sys::UnlockRelationIdForSession(id, *mode) };
        }
    }
}

/// While it lives this process counts as one of autovacuum: somebody who waits for the table for `deadlock_timeout`
/// cancels it, and DROP DATABASE, CREATE DATABASE and their kin end it, where they would give up after five seconds.
struct Yielding;

impl Yielding {
    fn begin() -> Self {
        Self::mark(true);
        Self
    }

    fn mark(yields: bool) {
        const PROC_ARRAY_LOCK: usize = 4;
        let flag = pg_sys::PROC_IS_AUTOVACUUM as u8;
        // SAFETY: the flags of this process and their copy, under the lock that PostgreSQL changes them under
        // (`vacuum_rel`); nothing here raises. What reads this flag asks for no more than a process that may be
        // signalled. InitProcess clears it, where this process ends before.
        unsafe {
            let lock = &raw mut (*pg_sys::MainLWLockArray.add(PROC_ARRAY_LOCK)).lock;
            pg_sys::LWLockAcquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE);
            let process = pg_sys::MyProc;
            let flags = if yields { (*process).statusFlags | flag } else { (*process).statusFlags & !flag };
            (*process).statusFlags = flags;
            *(*pg_sys::ProcGlobal).statusFlags.add((*process).pgxactoff as usize) = flags;
            pg_sys::LWLockRelease(lock);
        }
    }
}

impl Drop for Yielding {
    fn drop(&mut self) {
        Self::mark(false);
        // SAFETY: a flag that a handler sets. What was to be cancelled is over.
        unsafe { (&raw mut pg_sys::QueryCancelPending).write_volatile(0) };
    }
}

/// Vacuums the entries, whose locks the session has; false where somebody who waits has cancelled it.
///
/// # Errors
/// The message of an error that it raised.
pub fn run(schema: &str, mut locks: Locks) -> Result<bool, String> {
    let command = format!("VACUUM (SKIP_LOCKED, TRUNCATE FALSE, PARALLEL 0) {schema}.cache_entries");
    let command = CString::new(command).unwrap_or_default();
    process::report(Some(&command));
    // The command outlives the transactions that VACUUM begins and ends.
    let context = PgMemoryContexts::new("cache_pg vacuum");
    let yielding = Yielding::begin();
    let outcome = PgTryBuilder::new(AssertUnwindSafe(|| {
        // SAFETY: as PostgreSQL runs a command: outside of a transaction block, with a portal's memory, which VACUUM
        // keeps its own in. The context that is current before is one of the transaction that VACUUM ends, so nobody
        // returns to it: the commit goes on in one that lives.
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
        // SAFETY: rolls back whatever was going on; the error state is flushed after this handler.
        unsafe { pg_sys::AbortCurrentTransaction() };
        if is_cancel(&error) { Ok(false) } else { Err(message_of(&error)) }
    })
    .execute();
    drop(yielding);
    if outcome != Ok(true) {
        // To roll back gives the locks of the session back, too.
        locks.0.clear();
    }
    // SAFETY: nothing of the portal is used any more; the statistics of what was done are sent.
    unsafe {
        pg_sys::PortalContext = std::ptr::null_mut();
        pg_sys::pgstat_report_stat(true);
    }
    outcome
}
