//! Commits that do not wait for the disk.
//!
//! A crash may forget a transaction that only set, touched or counted entries: then the replaced value is back for the
//! rest of its life. A cache can afford that, and waiting for the disk is nine tenths of the cost of a set. Owns the
//! one way to exempt the extension's own writes from that wait. Must never weaken the durability of anything else: a
//! delete, or any write of the caller, before or after.
//!
//! It takes the extension's WAL records out of the variable XactLastRecEnd, by which RecordTransactionCommit in xact.c
//! decides whether to flush, the same in PostgreSQL 15 to 18; on 19 `tests/server` durability, acknowledged and
//! synchronous show it. Why this is exact: DESIGN.md, "Commits that do not wait".

use crate::{access::Access, settings};
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
