//! Commits that do not wait for the disk.
//!
//! A transaction that did nothing but set, touch or count entries may be forgotten by a crash: then what it replaced is
//! back, for as long as that lives. A cache can afford it, and waiting for the disk is nine tenths of what a set costs. Owns the way to say so for our part of a transaction
//! only. Must never weaken the durability of anything else: a delete, and whatever the caller writes, before or after.
//!
//! How: at commit PostgreSQL asks whether the transaction has written WAL (`XactLastRecEnd`, set by every record), and
//! flushes up to the commit record if it has. Taking our own records out of that variable makes a transaction of
//! nothing else commit as with `synchronous_commit = off`; any other record, before or after ours, makes it flush, and
//! a flush covers everything written earlier. See RecordTransactionCommit in xact.c, the same in PostgreSQL 15 to 18.
//! Prepared transactions are flushed by PREPARE whatever the variable says. After an error the variable stays as it
//! is, and rolling back to a savepoint writes a record of its own: both err on the safe side.

use crate::access::Access;
use crate::home::Home;
use crate::settings;
use pgrx::pg_sys;

/// Runs `work`, whose writes to the cache a crash may forget if the transaction writes nothing else.
///
/// Where a policy, trigger or rule has a say, others may write within `work`: then it is as durable as ever.
pub fn may_be_forgotten<R>(access: &Access, work: impl Fn(&Home) -> R) -> R {
    if !access.plain || !settings::async_commit() {
        return access.run_beside_the_hand(work);
    }
    // SAFETY: a variable of this backend alone, read and set outside of any WAL insertion.
    let before = unsafe { (&raw const pg_sys::XactLastRecEnd).read() };
    let result = access.run_beside_the_hand(work);
    // SAFETY: as above; all records in between are of our statement, because the table has no triggers.
    unsafe { (&raw mut pg_sys::XactLastRecEnd).write(before) };
    result
}
