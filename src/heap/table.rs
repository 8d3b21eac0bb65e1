//! An open table, and the index by which its rows are found.
//!
//! Owns opening and closing tables and their indexes. Must never outlive the transaction: an error ends the
//! transaction, and that closes them.

use super::{definition, referrer, shape::Shape, snapshot::Seen};
use crate::pg::{backend::has_old_snapshot, compat};
use pgrx::pg_sys::{self, LOCKMODE, Oid};
use std::cell::{Cell, OnceCell};

/// The table is already locked, to the end of the transaction.
const LOCKED: LOCKMODE = pg_sys::NoLock as LOCKMODE;

/// Whether rows are read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Read,
    Write,
}

impl Purpose {
    fn lock(self) -> LOCKMODE {
        match self {
            Self::Read => pg_sys::AccessShareLock as LOCKMODE,
            Self::Write => pg_sys::RowExclusiveLock as LOCKMODE,
        }
    }

    /// Makes the checks that the executor makes before a write.
    ///
    /// # Safety
    /// The relation is open.
    unsafe fn check(self, relation: pg_sys::Relation) {
        if self == Self::Write {
            // SAFETY: as the caller promises.
            unsafe { check_replica_identity(relation, pg_sys::CmdType::CMD_UPDATE) };
        }
    }
}

/// Raises, as the executor does, if such changes are published but do not tell a subscriber which row they change:
/// 55000 if the table has no replica identity, 42P10 if a row filter or column list of a publication needs more
/// columns. Below `wal_level = logical` nothing is published, so nothing is checked.
///
/// # Safety
/// The relation is open.
pub unsafe fn check_replica_identity(relation: pg_sys::Relation, kind: pg_sys::CmdType::Type) {
    // SAFETY: a setting of the server; the relation is open, as the caller promises.
    unsafe {
        if pg_sys::wal_level >= pg_sys::WalLevel::WAL_LEVEL_LOGICAL as i32 {
            pg_sys::CheckCmdReplicaIdentity(relation, kind);
        }
    }
}

/// An open heap and its index.
pub struct Table {
    pub relation: pg_sys::Relation,
    /// The index by which rows are found, and how it is locked.
    primary: (Oid, LOCKMODE),
    /// The index, once it is open. A row that is found by a hint and updated on its own page does not need it.
    index: OnceCell<pg_sys::Relation>,
    /// Further indexes, which get an entry for each row too.
    pub(super) other_indexes: Vec<pg_sys::Relation>,
    observer: Cell<Option<Observer>>,
}

/// A function that receives the place and the columns of every row that is written.
pub type Observer = fn(&Table, &pg_sys::ItemPointerData, &[Option<pg_sys::Datum>]);

impl Table {
    /// Opens a table that is already locked and passes it to `work`. None: it is not a heap with a primary key.
    pub fn by_primary_key<R>(table: Oid, purpose: Purpose, work: impl FnOnce(&Self) -> R) -> Option<R> {
        // SAFETY: the table is locked, and the relation cache knows its indexes. What is opened is closed below, or by
        // the end of the transaction.
        unsafe {
            let relation = pg_sys::table_open(table, LOCKED);
            let index = compat::primary_key_index(relation);
            if (*(*relation).rd_rel).relam != pg_sys::HEAP_TABLE_AM_OID || index == Oid::INVALID {
                pg_sys::table_close(relation, LOCKED);
                return None;
            }
            purpose.check(relation);
            let primary = (index, purpose.lock());
            let (index, other_indexes, observer) = (OnceCell::new(), Vec::new(), Cell::default());
            Some(Self { relation, primary, index, other_indexes, observer }.run(work))
        }
    }

    /// Locks a table, opens it with an index on its first column, and passes it to `work`. Returns None if there is no
    /// such index, or if the table has an index that this module cannot maintain. While an index is built or replaced
    /// there may be several. Raises [`crate::error::CacheError::Reshaped`] if the table has another shape.
    pub fn by_first_column<R>(table: Oid, shape: &Shape, purpose: Purpose, work: impl FnOnce(&Self) -> R) -> Option<R> {
        let lock = purpose.lock();
        // SAFETY: the table is locked here, and the list of its indexes is a copy. What is opened is closed below, or
        // by the end of the transaction.
        unsafe {
            let relation = pg_sys::table_open(table, lock);
            shape.verify(relation);
            purpose.check(relation);
            let list = pg_sys::RelationGetIndexList(relation);
            let count = if list.is_null() { 0 } else { (*list).length };
            let mut other_indexes: Vec<_> =
                (0..count).map(|number| pg_sys::index_open(pg_sys::list_nth_oid(list, number), lock)).collect();
            pg_sys::list_free(list);
            let plain = other_indexes.iter().all(|&index| is_plain(index));
            let found =
                other_indexes.iter().position(|&index| (*(*index).rd_index).indisvalid && is_on_first_column(index));
            let Some(position) = found.filter(|_| plain) else {
                other_indexes.into_iter().for_each(|index| pg_sys::index_close(index, LOCKED));
                pg_sys::table_close(relation, LOCKED);
                return None;
            };
            let index = other_indexes.swap_remove(position);
            let primary = ((*index).rd_id, lock);
            Some(Self { relation, primary, index: index.into(), other_indexes, observer: Cell::default() }.run(work))
        }
    }

    /// Whether every row that was removed since `seen`, the active snapshot, is still in the table as a dead version.
    /// That holds if the table lies in the file in which `seen` found it. TRUNCATE, CLUSTER and similar commands move
    /// it to another file. Any later change of the definition counts as such a move, unless this transaction made it.
    pub fn keeps_rows_removed_since(&self, seen: &Seen) -> bool {
        // SAFETY: the relation is open.
        unsafe {
            let writer = definition::last_writer(self.relation);
            match writer.is_some_and(|writer| pg_sys::TransactionIdIsCurrentTransactionId(writer)) {
                true => seen.own && (!has_old_snapshot() || definition::is_in_file_of_snapshot(self.relation)),
                false => writer.is_some_and(|writer| seen.contains_writer(writer)),
            }
        }
    }

    /// The index by which rows are found; opens it if necessary.
    pub(super) fn index(&self) -> pg_sys::Relation {
        let (index, lock) = self.primary;
        // SAFETY: the index belongs to the table, which is locked; `run` or the end of the transaction closes it.
        *self.index.get_or_init(|| unsafe { pg_sys::index_open(index, lock) })
    }

    /// Registers `observer` for the table's writes from now on.
    pub fn observe(&self, observer: Observer) {
        self.observer.set(Some(observer));
    }

    /// Whether the table has an observer.
    pub(super) fn is_observed(&self) -> bool {
        self.observer.get().is_some()
    }

    /// Tells the observer that a row with these columns was written at `tid`.
    pub(super) fn tell_observer(&self, tid: &pg_sys::ItemPointerData, columns: &[Option<pg_sys::Datum>]) {
        if let Some(observer) = self.observer.get() {
            observer(self, tid, columns);
        }
    }

    fn run<R>(self, work: impl FnOnce(&Self) -> R) -> R {
        let result = work(&self);
        // SAFETY: closes what was opened, each once; locks are kept, as in the executor.
        unsafe {
            self.other_indexes.iter().for_each(|&index| pg_sys::index_close(index, LOCKED));
            if let Some(&index) = self.index.get() {
                pg_sys::index_close(index, LOCKED);
            }
            pg_sys::table_close(self.relation, LOCKED);
        }
        result
    }
}

/// Whether this module can maintain an index: a B-tree on plain columns over all rows, and not unique.
///
/// # Safety
/// The index is open.
unsafe fn is_plain(index: pg_sys::Relation) -> bool {
    // SAFETY: the index is open.
    unsafe {
        (*(*index).rd_rel).relam == pg_sys::BTREE_AM_OID
            && !(*(*index).rd_index).indisunique
            && referrer::runs_no_code(index)
    }
}

/// Whether the first column of an index is that of the table, in byte order.
///
/// # Safety
/// The index is open.
unsafe fn is_on_first_column(index: pg_sys::Relation) -> bool {
    /// The operator family `text_ops` of B-trees, in `pg_opfamily.dat`.
    const TEXT_OPS: u32 = 1994;
    // SAFETY: an index has at least one column, with an operator family and a collation.
    unsafe {
        *(*(*index).rd_index).indkey.values.as_ptr() == 1
            && (*(*index).rd_opfamily).to_u32() == TEXT_OPS
            && *(*index).rd_indcollation == pg_sys::C_COLLATION_OID
    }
}

/// Runs `work`, which may be user code, with these tables open. PostgreSQL then refuses (55006) a command of this
/// session that alters or drops one of them. A lock would not do: the session's own locks do not stop its own commands.
pub fn kept_open<R>(tables: &[Oid], work: impl FnOnce() -> R) -> R {
    let lock = Purpose::Read.lock();
    // SAFETY: opened and closed in pairs; after an error the end of the transaction closes them.
    let open: Vec<_> = tables.iter().map(|&table| unsafe { pg_sys::table_open(table, lock) }).collect();
    let result = work();
    // SAFETY: as above.
    open.into_iter().for_each(|relation| unsafe { pg_sys::table_close(relation, LOCKED) });
    result
}

/// Locks a table for reading to the end of the transaction. Returns false if that would mean to wait.
pub fn try_lock(table: Oid) -> bool {
    // SAFETY: locks by OID, in a transaction.
    unsafe { pg_sys::ConditionalLockRelationOid(table, Purpose::Read.lock()) }
}

/// The page of a row.
pub fn block_of(tid: &pg_sys::ItemPointerData) -> pg_sys::BlockNumber {
    (u32::from(tid.ip_blkid.bi_hi) << 16) | u32::from(tid.ip_blkid.bi_lo)
}
