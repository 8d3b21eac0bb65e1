//! A table, open, with the one index by which its rows are found.
//!
//! Must never outlive the transaction: an error ends that, which closes what is open.

use super::definition;
use super::referrer;
use super::shape::Shape;
use super::snapshot::Seen;
use crate::pg::backend::has_old_snapshot;
use pgrx::pg_sys::{self, LOCKMODE, Oid};
use std::cell::{Cell, OnceCell};

/// The table is locked by whoever opens it, and stays so to the end of the transaction.
const LOCKED: LOCKMODE = pg_sys::NoLock as LOCKMODE;

/// What is going to happen to the rows.
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
}

impl Purpose {
    /// Asks what the executor asks before it writes.
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

/// Raises, as the executor does, where such changes are published and do not tell a subscriber which row they are
/// about: 55000 where the table has no replica identity, 42P10 where a publication's filter or list of columns needs
/// more. Nothing is published below `wal_level = logical`, and nothing asked.
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
    /// The same, once it is open: a row that is found by a hint and updated on its own page needs none.
    index: OnceCell<pg_sys::Relation>,
    /// More indexes, which get an entry for each row too.
    pub(super) other_indexes: Vec<pg_sys::Relation>,
    observer: Cell<Option<Observer>>,
}

/// Is told the place and the columns of every row that is written.
pub type Observer = fn(&Table, &pg_sys::ItemPointerData, &[Option<pg_sys::Datum>]);

impl Table {
    /// Opens a table that is locked already and hands it to `work`; None where it is not a heap with a primary key.
    pub fn by_primary_key<R>(table: Oid, purpose: Purpose, work: impl FnOnce(&Self) -> R) -> Option<R> {
        // SAFETY: the table is locked; the relation cache knows its indexes. What is opened is closed below, or by the
        // end of the transaction.
        unsafe {
            let relation = pg_sys::table_open(table, LOCKED);
            #[cfg(not(feature = "pg18"))]
            let index = pg_sys::RelationGetPrimaryKeyIndex(relation);
            #[cfg(feature = "pg18")]
            let index = pg_sys::RelationGetPrimaryKeyIndex(relation, false);
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

    /// Locks a table, opens it with an index on its first column and hands it to `work`; None where there is none, or
    /// one that we cannot keep up. While an index is made or replaced there may be several. Raises
    /// [`crate::error::CacheError::Reshaped`] where it has not this shape.
    pub fn by_first_column<R>(table: Oid, shape: &Shape, purpose: Purpose, work: impl FnOnce(&Self) -> R) -> Option<R> {
        let lock = purpose.lock();
        // SAFETY: the table gets locked now; the list of its indexes is a copy of ours. What is opened is closed below,
        // or by the end of the transaction.
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

    /// Whether every row that was removed since `seen`, the active snapshot, is still in it, though nobody sees it any
    /// more: it lies in the file where `seen` found it. TRUNCATE, CLUSTER and their kin put it into another one. Any
    /// younger definition counts as that, unless it is this transaction's own.
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

    /// The index by which rows are found, which is open from now on.
    pub(super) fn index(&self) -> pg_sys::Relation {
        let (index, lock) = self.primary;
        // SAFETY: the index is one of the table's, which is locked; `run` closes it, or the end of the transaction.
        *self.index.get_or_init(|| unsafe { pg_sys::index_open(index, lock) })
    }

    /// From now on `observer` is told of the table's writes.
    pub fn observe(&self, observer: Observer) {
        self.observer.set(Some(observer));
    }

    /// Whether somebody is told of its writes.
    pub(super) fn is_observed(&self) -> bool {
        self.observer.get().is_some()
    }

    /// A row with these columns was written at `tid`.
    pub(super) fn tell_observer(&self, tid: &pg_sys::ItemPointerData, columns: &[Option<pg_sys::Datum>]) {
        if let Some(observer) = self.observer.get() {
            observer(self, tid, columns);
        }
    }

    fn run<R>(self, work: impl FnOnce(&Self) -> R) -> R {
        let result = work(&self);
        // SAFETY: what was opened, each once; locks are kept, as the executor does.
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

/// Whether an index is one that we keep up: a B-tree on columns, on all rows, however many have the same.
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

/// Whether the first column of an index is that of the table, in the order of its bytes.
///
/// # Safety
/// The index is open.
unsafe fn is_on_first_column(index: pg_sys::Relation) -> bool {
    /// `text_ops` of a B-tree, in `pg_opfamily.dat`.
    const TEXT_OPS: u32 = 1994;
    // SAFETY: an index has a column at least, which has an operator family and a collation.
    unsafe {
        *(*(*index).rd_index).indkey.values.as_ptr() == 1
            && (*(*index).rd_opfamily).to_u32() == TEXT_OPS
            && *(*index).rd_indcollation == pg_sys::C_COLLATION_OID
    }
}

/// Runs `work`, which may be anybody's code, with these tables open: PostgreSQL refuses (55006) a command of this
/// session that alters or drops a table in use. The locks that the session holds itself keep none of its commands off.
pub fn kept_open<R>(tables: &[Oid], work: impl FnOnce() -> R) -> R {
    let lock = Purpose::Read.lock();
    // SAFETY: opened and closed in pairs; an error in between ends the transaction, which closes them.
    let open: Vec<_> = tables.iter().map(|&table| unsafe { pg_sys::table_open(table, lock) }).collect();
    let result = work();
    // SAFETY: as above.
    open.into_iter().for_each(|relation| unsafe { pg_sys::table_close(relation, LOCKED) });
    result
}

/// Locks a table for reading to the end of the transaction, unless that means to wait for somebody.
pub fn try_lock(table: Oid) -> bool {
    // SAFETY: locks by number, in a transaction.
    unsafe { pg_sys::ConditionalLockRelationOid(table, Purpose::Read.lock()) }
}

/// The page of a row.
pub fn block_of(tid: &pg_sys::ItemPointerData) -> pg_sys::BlockNumber {
    (u32::from(tid.ip_blkid.bi_hi) << 16) | u32::from(tid.ip_blkid.bi_lo)
}
