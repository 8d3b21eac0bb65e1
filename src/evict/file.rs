//! In which file the entries lie, and whether the gauges are of it.
//!
//! TRUNCATE, VACUUM FULL and their kin put the table into another file, and say nothing of what is in it; so does a
//! crash, after which shared memory is empty. The gauges are of one file, the area's: a transaction that changes the
//! file says so at its commit, and a writer, or the sweeper, that finds the gauges to be of another file estimates what
//! there is before it judges by them (`sweep::estimate`). The next whole turn counts. Must never change the file of
//! an area without the lock on the table that a writer holds to the end of its transaction, or to change the file.

use crate::pg::transaction;
use crate::stats::census;
use crate::stats::memory;
use pgrx::pg_sys::{self, Datum, Oid};
use std::cell::Cell;
use std::sync::atomic::Ordering;

const LOCK: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

thread_local! {
    /// The file that this backend has written to last.
    static CURRENT: Cell<u32> = const { Cell::new(0) };
    /// Whether PostgreSQL has said that something about the table has changed.
    static HAS_CHANGED: Cell<bool> = const { Cell::new(false) };
    /// The file that the current transaction puts the table into, and whether nothing is in it.
    static NEW: Cell<Option<(u32, bool)>> = const { Cell::new(None) };
}

/// Asks PostgreSQL to say when something about the table changes. Called once, when the library is loaded.
pub fn watch() {
    // SAFETY: registers a function that lives as long as the process.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(on_relation_change), Datum::null()) };
}

/// May run in the middle of anything, and so does next to nothing.
unsafe extern "C-unwind" fn on_relation_change(_argument: Datum, relation: Oid) {
    let table = memory::known_area().map_or(0, |area| area.table.load(Ordering::Relaxed));
    if table != 0 && (relation == Oid::INVALID || relation.to_u32() == table) {
        HAS_CHANGED.set(true);
        transaction::has_work();
    }
}

/// The file that this backend has written to last.
pub fn current() -> u32 {
    CURRENT.get()
}

/// The table of entries is open, in order to write to it.
///
/// # Safety
/// The relation is open.
pub unsafe fn set_current(relation: pg_sys::Relation) {
    // SAFETY: as the caller promises.
    CURRENT.set(unsafe { file_of(relation) });
}

/// # Safety
/// The relation is open.
unsafe fn file_of(relation: pg_sys::Relation) -> u32 {
    // SAFETY: as the caller promises.
    unsafe { (*(*relation).rd_rel).relfilenode }.to_u32()
}

/// Before the commit: whether the transaction has put the table into another file.
pub fn before_commit() {
    if !HAS_CHANGED.replace(false) {
        return;
    }
    let Some(area) = memory::known_area() else { return };
    let table = Oid::from(area.table.load(Ordering::Relaxed));
    // SAFETY: a look at the relation cache, within a transaction; null where the table is gone. It is locked meanwhile,
    // because to look while somebody alters it may raise, and whoever commits here may have nothing to do with it.
    // Where that would be to wait, this transaction has not put it into another file: then it has the lock itself.
    unsafe {
        if !pg_sys::ConditionalLockRelationOid(table, LOCK) {
            return;
        }
        let relation = pg_sys::RelationIdGetRelation(table);
        if relation.is_null() {
            pg_sys::UnlockRelationOid(table, LOCK);
            return;
        }
        #[cfg(feature = "pg15")]
        let changed_in = (*relation).rd_newRelfilenodeSubid;
        #[cfg(not(feature = "pg15"))]
        let changed_in = (*relation).rd_newRelfilelocatorSubid;
        if changed_in != 0 {
            let pages = pg_sys::RelationGetNumberOfBlocksInFork(relation, pg_sys::ForkNumber::MAIN_FORKNUM);
            CURRENT.set(file_of(relation));
            NEW.set(Some((file_of(relation), pages == 0)));
        } else if CURRENT.get() != area.file.load(Ordering::Relaxed) {
            // What was written into another file may have been rolled back, with the file.
            CURRENT.set(file_of(relation));
        }
        pg_sys::RelationClose(relation);
        pg_sys::UnlockRelationOid(table, LOCK);
    }
}

/// The transaction has ended. Where it has put the table into another file, the gauges are of that from now on, or of
/// none.
pub fn at_end(is_committed: bool) {
    let Some((file, is_empty)) = NEW.take().filter(|_| is_committed) else { return };
    let Some(area) = memory::area().filter(|area| area.file.load(Ordering::Relaxed) != file) else { return };
    if is_empty {
        census::clear();
    }
    area.file.store(if is_empty { file } else { 0 }, Ordering::Relaxed);
}

/// Whether the gauges are of the file that this backend has written to last.
pub fn is_known() -> bool {
    memory::area().is_none_or(|area| area.file.load(Ordering::Relaxed) == CURRENT.get())
}
