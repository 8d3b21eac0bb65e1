//! The file in which the entries lie, and whether the gauges belong to it.
//!
//! TRUNCATE, VACUUM FULL and CLUSTER put the table into another file and do not say how much is in it. After a crash,
//! shared memory is empty. So the gauges belong to one file, which the statistics of the database name. A transaction
//! that changes the file updates them at its commit. A writer or a sweeper that finds gauges of another file estimates
//! what there is before it compares with limits (`sweep::estimate`). The next whole turn counts.
//!
//! Owns the file that the gauges belong to. Must never change it without the lock on the table that a writer holds
//! until the end of its transaction, or the lock that changing the file takes.

use crate::pg::{compat, transaction};
use crate::stats::{DatabaseStats, turns};
use cache_pg_rules::ledger::Change;
use pgrx::pg_sys::{self, Datum, Oid};
use std::{cell::Cell, sync::atomic::Ordering};

const LOCK: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

thread_local! {
    /// The file that this backend last wrote to.
    static CURRENT_FILE: Cell<u32> = const { Cell::new(0) };
    /// Whether PostgreSQL has reported a change of the table's definition or storage.
    static HAS_CHANGED: Cell<bool> = const { Cell::new(false) };
    /// The file into which the current transaction puts the table, and whether it is empty.
    static NEW_FILE: Cell<Option<(u32, bool)>> = const { Cell::new(None) };
}

/// Registers for the relation-cache invalidations of the table. Called once, when the library is loaded.
pub fn watch() {
    // SAFETY: registers a function that lives as long as the process.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(on_relation_change), Datum::null()) };
}

/// PostgreSQL may call this at any point, so it only sets flags.
unsafe extern "C-unwind" fn on_relation_change(_argument: Datum, relation: Oid) {
    let table = DatabaseStats::mine_if_known().map_or(0, |database| database.table.load(Ordering::Relaxed));
    if table != 0 && (relation == Oid::INVALID || relation.to_u32() == table) {
        HAS_CHANGED.set(true);
        transaction::run_hooks_at_end();
    }
}

/// The file that this backend last wrote to.
pub fn current() -> u32 {
    CURRENT_FILE.get()
}

/// Records the file of the table of entries, which is open for writing.
///
/// # Safety
/// The relation is open.
pub unsafe fn set_current(relation: pg_sys::Relation) {
    // SAFETY: as the caller promises.
    CURRENT_FILE.set(unsafe { file_of(relation) });
}

/// # Safety
/// The relation is open.
unsafe fn file_of(relation: pg_sys::Relation) -> u32 {
    // SAFETY: as the caller promises.
    unsafe { (*(*relation).rd_rel).relfilenode }.to_u32()
}

/// Before the commit: finds out whether the transaction has put the table into another file.
pub fn before_commit() {
    if !HAS_CHANGED.replace(false) {
        return;
    }
    let Some(database) = DatabaseStats::mine_if_known() else { return };
    let table = Oid::from(database.table.load(Ordering::Relaxed));
    // SAFETY: a look-up in the relation cache, within a transaction; null if the table is gone. The table is locked
    // meanwhile, because a look-up during an ALTER may raise, and this transaction may have nothing to do with the
    // cache. If the lock is not free, another transaction alters the table: a transaction that has changed the file
    // holds the lock itself.
    unsafe {
        if !pg_sys::ConditionalLockRelationOid(table, LOCK) {
            return;
        }
        let relation = pg_sys::RelationIdGetRelation(table);
        if relation.is_null() {
            pg_sys::UnlockRelationOid(table, LOCK);
            return;
        }
        if compat::new_file_since(relation) != 0 {
            let pages = pg_sys::RelationGetNumberOfBlocksInFork(relation, pg_sys::ForkNumber::MAIN_FORKNUM);
            CURRENT_FILE.set(file_of(relation));
            NEW_FILE.set(Some((file_of(relation), pages == 0)));
        } else if CURRENT_FILE.get() != database.file.load(Ordering::Relaxed) {
            // A change of the file may have been rolled back after this backend wrote to it.
            CURRENT_FILE.set(file_of(relation));
        }
        pg_sys::RelationClose(relation);
        pg_sys::UnlockRelationOid(table, LOCK);
    }
}

/// At the end of the transaction. If it has put the table into another file, the gauges belong to that file from now
/// on, or to none.
pub fn at_end(is_committed: bool) {
    let Some((file, is_empty)) = NEW_FILE.take().filter(|_| is_committed) else { return };
    let Some(database) = DatabaseStats::mine().filter(|database| database.file.load(Ordering::Relaxed) != file) else {
        return;
    };
    if is_empty {
        turns::set_gauges(|_| Change::default());
    }
    database.file.store(if is_empty { file } else { 0 }, Ordering::Relaxed);
}

/// Whether the gauges belong to the file that this backend last wrote to.
pub fn is_known() -> bool {
    DatabaseStats::mine().is_none_or(|database| database.file.load(Ordering::Relaxed) == CURRENT_FILE.get())
}
