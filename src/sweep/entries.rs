//! `cache_entries`, open for maintenance: its rows, and which of them are removed.
//!
//! Owns the walk over the table below the executor, a TID range scan. Like VACUUM it checks no policy and fires no
//! trigger and no rule, whatever role calls it. Must never wait.

use crate::ahead::finder;
use crate::catalog::{ExtensionTables, column};
use crate::entry::{due_at, is_damaged, may_be_evicted, wanted_until, written_at};
use crate::evict::file;
use crate::heap::{Row, table::check_replica_identity};
use crate::namespaces;
use crate::pg::{Timestamp, backend, compat};
use crate::store::{known_tags::KnownTags, tags};
use cache_pg_rules::key::Key;
use pgrx::pg_sys::{self, BlockNumber};
use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;

/// A key in line that is younger than this is not removed for want of a loader: this process may not know the newest
/// options yet. Ten seconds, in microseconds.
const NEW_FOR: i64 = 10_000_000;

/// Locks the table for [`open`] until the end of the transaction, unless it would have to wait.
pub fn try_lock(tables: &ExtensionTables) -> bool {
    // SAFETY: a lock by OID, in a transaction.
    unsafe { pg_sys::ConditionalLockRelationOid(tables.entries, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE) }
}

/// `cache_entries`, open.
pub struct Entries<'a> {
    pub(super) tables: &'a ExtensionTables,
    pub(super) relation: pg_sys::Relation,
    pub(super) by: By,
    /// The only keys that may be removed. None: all.
    only: Option<&'a HashSet<String>>,
}

/// The caller of a walk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The sweeper of the database. It alone counts the rows that stay, and asks when they are due.
    Sweeper,
    /// Another session or process.
    Other,
    /// A transaction at its commit. It checks no tags: a tag may have many rows, and the commit cannot be cancelled.
    Commit,
}

/// Opens the table, which the current transaction has locked, and calls `work`. None: the table is gone.
pub fn open<R>(tables: &ExtensionTables, by: By, work: impl FnOnce(&Entries) -> R) -> Option<R> {
    open_for(tables, by, None, work)
}

pub(super) fn open_for<R>(
    tables: &ExtensionTables,
    by: By,
    only: Option<&HashSet<String>>,
    work: impl FnOnce(&Entries) -> R,
) -> Option<R> {
    let locked = pg_sys::NoLock as pg_sys::LOCKMODE;
    // SAFETY: the table is locked; it may have been dropped before the lock was taken.
    let relation = unsafe { pg_sys::try_table_open(tables.entries, locked) };
    if relation.is_null() {
        return None;
    }
    // SAFETY: the relation is open.
    unsafe {
        check_replica_identity(relation, pg_sys::CmdType::CMD_DELETE);
        file::set_current(relation);
    }
    let result = work(&Entries { tables, relation, by, only });
    // SAFETY: the relation is open; closing it keeps the lock. An error before this line ends the transaction, which
    // closes it.
    unsafe { pg_sys::table_close(relation, locked) };
    Some(result)
}

/// The choice of live entries to evict.
pub trait Evicting {
    /// Whether a live entry is to be evicted.
    fn wants(&self, row: &Row) -> bool;

    /// An entry was evicted.
    fn evicted(&mut self, row: &Row, now: Timestamp);
}

impl Entries<'_> {
    /// The number of pages.
    pub fn pages(&self) -> BlockNumber {
        // SAFETY: the relation is open.
        unsafe { pg_sys::RelationGetNumberOfBlocksInFork(self.relation, pg_sys::ForkNumber::MAIN_FORKNUM) }
    }

    /// The OID of the table.
    pub fn table(&self) -> pg_sys::Oid {
        self.tables.entries
    }

    /// The file of the table. TRUNCATE, VACUUM FULL and CLUSTER change it.
    pub fn file(&self) -> pg_sys::Oid {
        // SAFETY: the relation is open and locked.
        unsafe { (*(*self.relation).rd_rel).relfilenode }
    }

    /// The known generations of tags for a new walk.
    pub(super) fn known_tags(&self) -> KnownTags {
        if self.by == By::Commit { KnownTags::nothing() } else { KnownTags::default() }
    }

    /// Whether the caller may remove the row.
    pub(super) fn may_remove(&self, row: &Row) -> bool {
        self.only.is_none_or(|only| row.text(column::KEY).is_some_and(|key| only.contains(key)))
    }

    /// Why a row is to be removed. None: it stays.
    pub(super) fn fate(
        &self,
        row: &Row,
        now: Timestamp,
        known: &mut KnownTags,
        evicting: Option<&dyn Evicting>,
    ) -> Option<Fate> {
        if due_at(row, now) <= now.0
            || is_damaged(row)
            || self.is_in_line_in_vain(row, now)
            || !known.hold(self.tables, row)
        {
            return Some(Fate::Due);
        }
        evicting.filter(|evicting| may_be_evicted(row, now) && evicting.wants(row)).map(|_| Fate::Evicted)
    }

    /// Whether a key is in line to be warmed, and no loader can compute its value, or too many are in line.
    fn is_in_line_in_vain(&self, row: &Row, now: Timestamp) -> bool {
        if self.by != By::Sweeper || wanted_until(row, now).is_none() {
            return false;
        }
        let Some(key) = row.text(column::KEY).and_then(|key| Key::parse(key).ok()) else { return false };
        let is_new = written_at(row, now).0 > now.0.saturating_sub(NEW_FOR);
        finder::is_beyond_limit(self.tables, key) || !is_new && namespaces::of(self.tables, key).loader.is_none()
    }

    /// Calls `visit` with every tag of every row.
    pub fn each_tag(&self, mut visit: impl FnMut(&str)) {
        let Some(last) = self.pages().checked_sub(1) else { return };
        self.each_row((0, last), |row, _| tags::of(row).for_each(|tag| visit(&tag)));
    }

    pub(super) fn each_entry(
        &self,
        page: BlockNumber,
        now: Timestamp,
        mut visit: impl FnMut(&Row, pg_sys::ItemPointer),
    ) {
        self.each_row((page, page), |row, tid| {
            if may_be_evicted(row, now) {
                visit(row, tid);
            }
        });
    }

    pub(super) fn each_row(&self, pages: (BlockNumber, BlockNumber), mut visit: impl FnMut(&Row, pg_sys::ItemPointer)) {
        self.walk_rows(pages, |row, tid| {
            visit(row, tid);
            ControlFlow::Continue(())
        });
    }

    /// Calls `visit` with every row on these pages that the active snapshot sees, in order, until `visit` breaks off.
    pub(super) fn walk_rows(
        &self,
        (first, last): (BlockNumber, BlockNumber),
        mut visit: impl FnMut(&Row, pg_sys::ItemPointer) -> ControlFlow<()>,
    ) {
        let (mut least, mut greatest) = (tid(first, 1), tid(last, u16::MAX));
        // SAFETY: the scan, its slot and the bounds live until the end of this function; a snapshot is active. An error
        // before that ends the transaction, which releases what they hold.
        unsafe {
            let snapshot = pg_sys::GetActiveSnapshot();
            let scan = compat::begin_tid_range_scan(self.relation, snapshot, &mut least, &mut greatest);
            let slot = pg_sys::table_slot_create(self.relation, std::ptr::null_mut());
            while pg_sys::table_scan_getnextslot_tidrange(scan, pg_sys::ScanDirection::ForwardScanDirection, slot) {
                if visit(&Row::in_slot(slot), &raw mut (*slot).tts_tid).is_break() {
                    break;
                }
            }
            pg_sys::ExecDropSingleTupleTableSlot(slot);
            pg_sys::table_endscan(scan);
        }
    }
}

/// All of `pages` pages, or `most` of them at random: one from each part of the table, as parts may differ.
pub(super) fn sample(pages: BlockNumber, most: u32) -> BTreeSet<BlockNumber> {
    if pages <= most {
        return (0..pages).collect();
    }
    let within = |part: u32| u64::from(part) * u64::from(pages) + backend::random() % u64::from(pages);
    (0..most).map(|part| (within(part) / u64::from(most)) as BlockNumber).collect()
}

/// Why a row is removed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is past its deadline and grace, or damaged, or one of its tags was invalidated.
    Due,
    /// Room is needed.
    Evicted,
}

pub(super) fn tid(block: BlockNumber, offset: u16) -> pg_sys::ItemPointerData {
    let mut tid = pg_sys::ItemPointerData::default();
    pgrx::itemptr::item_pointer_set_all(&mut tid, block, offset);
    tid
}
