//! Commits that do not wait for the disk.
//!
//! A crash may forget a transaction that only set, touched or counted entries: then the replaced value is back for the
//! rest of its life. A cache can afford that, and waiting for the disk is nine tenths of the cost of a set. Owns the
//! one way to exempt the extension's own writes from that wait. Must never weaken the durability of anything else: a
//! delete, or any write of the caller, before or after.
//!
//! How: at commit PostgreSQL checks whether the transaction has written WAL (`XactLastRecEnd`, set by every record). If
//! it has, the commit flushes the WAL up to the commit record. This module takes the extension's records out of that
//! variable. So a transaction of nothing else commits as with `synchronous_commit = off`. Any other record, before or
//! after, makes the commit flush, and a flush covers everything written earlier. See RecordTransactionCommit in xact.c,
//! the same in PostgreSQL 15 to 18. PREPARE flushes whatever the variable says. After an error the variable stays as it
//! is, and a rollback to a savepoint writes a record of its own: both err on the safe side.
//!
//! This is exact if no record in between needs to be durable. Below the executor, where no user code runs, all of them
//! are records of the extension's rows, their index and TOAST entries, pruned pages and hint bits (DESIGN.md, "Commits
//! that do not wait").

use crate::access::Access;
use crate::settings;
use pgrx::pg_sys;

/// Runs `work`. A crash may forget its writes to the cache if the transaction writes nothing else. Also for reads of
/// the cache, which may prune a page.
///
/// Through the executor a policy, trigger, rule, check or index may write within `work`. Then `work` is as durable as
/// any other write.
pub fn with_async_commit<R>(access: &Access, work: impl FnOnce() -> R) -> R {
    if access.writes_directly() { with_async_commit_directly(work) } else { work() }
}

/// The same for work below the executor, which writes nothing but rows of the cache.
pub fn with_async_commit_directly<R>(work: impl FnOnce() -> R) -> R {
    if !settings::async_commit() {
        return work();
    }
    // SAFETY: a variable of this backend alone, read and set outside of any WAL insertion.
    let before = unsafe { (&raw const pg_sys::XactLastRecEnd).read() };
    let result = work();
    // SAFETY: as above; no record in between belongs to another write.
    unsafe { (&raw mut pg_sys::XactLastRecEnd).write(before) };
    result
}
