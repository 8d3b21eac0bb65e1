//! Commits that do not wait for the disk.
//!
//! A transaction that did nothing but set, touch or count entries may be forgotten by a crash: then what it replaced is
//! back, for as long as that lives. A cache can afford it, and waiting for the disk is nine tenths of what a set costs.
//! Owns the way to say so for our part of a transaction only. Must never weaken the durability of anything else: a
//! delete, and whatever the caller writes, before or after.
//!
//! How: at commit PostgreSQL asks whether the transaction has written WAL (`XactLastRecEnd`, set by every record), and
//! flushes up to the commit record if it has. Taking our own records out of that variable makes a transaction of
//! nothing else commit as with `synchronous_commit = off`; any other record, before or after ours, makes it flush, and
//! a flush covers everything written earlier. See RecordTransactionCommit in xact.c, the same in PostgreSQL 15 to 18.
//! Prepared transactions are flushed by PREPARE whatever the variable says. After an error the variable stays as it
//! is, and rolling back to a savepoint writes a record of its own: both err on the safe side.
//!
//! So it is exact where all records in between are of no account: our rows, their index and TOAST entries, pruned pages
//! and hint bits of whatever was looked at. That is so below the executor, where nobody's code runs (DESIGN.md,
//! "Commits that do not wait").

use crate::access::Access;
use crate::settings;
use pgrx::pg_sys;

/// Runs `work`, whose writes to the cache a crash may forget if the transaction writes nothing else. For a look at the
/// cache too: it may prune a page.
///
/// Through the executor others may write within `work`, by a policy, trigger, rule, check or index: then it is as
/// durable as ever.
pub fn with_async_commit<R>(access: &Access, work: impl FnOnce() -> R) -> R {
    if access.writes_directly() { with_async_commit_directly(work) } else { work() }
}

/// The same below the executor, where nothing but rows of the cache is written.
pub fn with_async_commit_directly<R>(work: impl FnOnce() -> R) -> R {
    if !settings::async_commit() {
        return work();
    }
    // SAFETY: a variable of this backend alone, read and set outside of any WAL insertion.
    let before = unsafe { (&raw const pg_sys::XactLastRecEnd).read() };
    let result = work();
    // SAFETY: as above; no record in between is of anybody else's write.
    unsafe { (&raw mut pg_sys::XactLastRecEnd).write(before) };
    result
}
