//! One step of the clock hand: walk some pages, remove what is due, wait for nobody.
//!
//! What is due: a row whose time is over, and an entry one of whose tags was invalidated. Owns the walk over the table
//! below the executor: a TID range scan, and a delete that gives up on a row that another transaction holds. Like
//! VACUUM it asks no policy and fires no trigger and no rule, whoever calls it. Must never remove what the caller of
//! `cache_sweep()` may not see: then it is told which keys.

use super::references::{References, place_of};
use super::step::Step;
use crate::datum::Timestamp;
use crate::evict::evictor::Evictor;
use crate::evict::{file, growth};
use crate::heap::row::Row;
use crate::heap::table::{block_of, check_replica_identity};
use crate::heap::upkeep::remove;
use crate::home::{Home, column};
use crate::stats::census::Rows;
use crate::stats::{Counter, LONGEST, bounded};
use crate::store::known_tags::Known;
use crate::store::{due_at, footprint, is_damaged, may_be_evicted, written_at};
use crate::wake;
use pgrx::pg_sys::{self, BlockNumber};
use std::collections::HashSet;

/// Locks the table for [`open`] to the end of the transaction, unless that means to wait for somebody.
pub fn try_lock(home: &Home) -> bool {
    // SAFETY: locks by number, in a transaction.
    unsafe { pg_sys::ConditionalLockRelationOid(home.entries, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE) }
}

/// `cache_entries`, open.
pub struct Entries<'a> {
    pub(super) home: &'a Home,
    pub(super) relation: pg_sys::Relation,
    by: By,
    /// The only keys that may go; None: all may.
    only: Option<&'a HashSet<String>>,
}

/// On whose behalf the table is walked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The sweeper of the database, which alone counts the rows that stay.
    Sweeper,
    /// Any session or process.
    Anybody,
    /// A transaction at its commit. It asks no tag whether it was invalidated: the rows of a tag may be many, and here
    /// nothing can be cancelled.
    Commit,
}

/// Opens the table, which the current transaction has locked, and hands it to `work`; None where it is gone.
pub fn open<R>(home: &Home, by: By, work: impl FnOnce(&Entries) -> R) -> Option<R> {
    open_for(home, by, None, work)
}

fn open_for<R>(home: &Home, by: By, only: Option<&HashSet<String>>, work: impl FnOnce(&Entries) -> R) -> Option<R> {
    let locked = pg_sys::NoLock as pg_sys::LOCKMODE;
    // SAFETY: the table is locked; it may have been dropped before that.
    let relation = unsafe { pg_sys::try_table_open(home.entries, locked) };
    if relation.is_null() {
        return None;
    }
    // SAFETY: the relation is open.
    unsafe {
        check_replica_identity(relation, pg_sys::CmdType::CMD_DELETE);
        file::note(relation);
    }
    let result = work(&Entries { home, relation, by, only });
    // SAFETY: the relation is open; closing it keeps the lock. An error in between ends the transaction, which closes
    // it.
    unsafe { pg_sys::table_close(relation, locked) };
    Some(result)
}

/// Walks up to `pages` pages from `from` on and removes up to `most` rows that are due at `now`; None where the table
/// is gone. `only`: rows of these keys alone; None: all.
///
/// Runs in the current transaction, which has locked the table, under the active snapshot.
pub fn step(
    home: &Home,
    only: Option<&HashSet<String>>,
    from: BlockNumber,
    pages: BlockNumber,
    most: u32,
    now: Timestamp,
) -> Option<Step> {
    open_for(home, By::Anybody, only, |entries| entries.step(from, pages, most, now))
}

impl Entries<'_> {
    /// How many pages it has.
    pub fn pages(&self) -> BlockNumber {
        // SAFETY: the relation is open.
        unsafe { pg_sys::RelationGetNumberOfBlocksInFork(self.relation, pg_sys::ForkNumber::MAIN_FORKNUM) }
    }

    /// Which it is.
    pub fn table(&self) -> pg_sys::Oid {
        self.home.entries
    }

    /// The file that it lies in: another one after TRUNCATE, VACUUM FULL and their kin.
    pub fn file(&self) -> pg_sys::Oid {
        // SAFETY: the relation is open and locked.
        unsafe { (*(*self.relation).rd_rel).relfilenode }
    }

    /// As [`step`].
    pub fn step(&self, from: BlockNumber, pages: BlockNumber, most: u32, now: Timestamp) -> Step {
        let total = self.pages();
        let first = if from < total { from } else { 0 };
        let end = first.saturating_add(pages.max(1)).min(total);
        let mut step = if total > 0 { self.walk(first, end, most, now, None) } else { Step::default() };
        step.pages = total;
        step.walked = step.next.saturating_sub(first).max(1);
        if step.next >= total {
            step.next = 0;
        }
        step
    }

    /// Walks the pages from `from` to before `end`, which exist, and removes up to `most` rows that are due at `now`,
    /// or that `evictor` wants to go. Under the active snapshot.
    pub fn walk(
        &self,
        from: BlockNumber,
        end: BlockNumber,
        most: u32,
        now: Timestamp,
        mut evictor: Option<&mut Evictor>,
    ) -> Step {
        let mut step = Step { next: end, ..Step::default() };
        let free = References::of(self.home)
            .map(|references| self.free_to_go((from, end), most, now, evictor.as_deref(), &references));
        let mut known = self.known_tags();
        let mut rows = Rows::default();
        let mut least = tid(from, 1);
        let mut greatest = tid(end - 1, u16::MAX);
        // SAFETY: the scan and its slot live until the end of this function, the bounds as long; a snapshot is active.
        // An error in between ends the transaction, which releases what they hold.
        unsafe {
            let snapshot = pg_sys::GetActiveSnapshot();
            let scan = pg_sys::table_beginscan_tidrange(self.relation, snapshot, &mut least, &mut greatest);
            let slot = pg_sys::table_slot_create(self.relation, std::ptr::null_mut());
            let forward = pg_sys::ScanDirection::ForwardScanDirection;
            while pg_sys::table_scan_getnextslot_tidrange(scan, forward, slot) {
                if step.removed >= most {
                    // The rest of this page is for the next step, and so is what it finds there.
                    step.next = block_of(&(*slot).tts_tid);
                    break;
                }
                step.found.rows += 1;
                let row = Row::in_slot(slot);
                if !row.text(column::KEY).is_some_and(|key| self.may_go(key)) {
                    continue;
                }
                let fate = match &free {
                    Some(free) => free.get(&place_of(&(*slot).tts_tid)).copied(),
                    None => self.fate(&row, now, &mut known, evictor.as_deref()),
                };
                let goes = fate.is_some_and(|_| remove(self.relation, &row, snapshot, free.is_some()));
                self.account(&mut step, &mut rows, &row, now, (fate, goes));
                if let Some(evictor) = evictor.as_deref_mut().filter(|_| goes && fate == Some(Fate::Evicted)) {
                    evictor.note(&row, now);
                }
            }
            pg_sys::ExecDropSingleTupleTableSlot(slot);
            pg_sys::table_endscan(scan);
        }
        step.read = step.next.saturating_sub(from).max(1);
        step
    }

    /// The generations of tags for a new walk.
    pub(super) fn known_tags(&self) -> Known {
        if self.by == By::Commit { Known::nothing() } else { Known::default() }
    }

    /// Whether the row of a key is any business of whoever sweeps.
    pub(super) fn may_go(&self, key: &str) -> bool {
        self.only.is_none_or(|only| only.contains(key))
    }

    /// Why a row is to go; None: it stays.
    pub(super) fn fate(&self, row: &Row, now: Timestamp, known: &mut Known, evictor: Option<&Evictor>) -> Option<Fate> {
        if due_at(row, now) <= now.0 || is_damaged(row) || !known.hold(self.home, row) {
            return Some(Fate::Due);
        }
        evictor.filter(|evictor| may_be_evicted(row, now) && evictor.wants(row)).map(|_| Fate::Evicted)
    }

    /// Takes note of a row, and of what has become of it.
    fn account(&self, step: &mut Step, rows: &mut Rows, row: &Row, now: Timestamp, what: (Option<Fate>, bool)) {
        let Some(key) = row.text(column::KEY) else { return };
        let tally = rows.of(key);
        let has_value = row.has(column::VALUE);
        let (fate, goes) = what;
        if fate == Some(Fate::Due) {
            step.found.due += 1;
        }
        if !goes {
            let is_due = fate == Some(Fate::Due);
            // What a foreign key holds is looked at again when the range is.
            if let Some(again) = if is_due { Some(now.0) } else { Some(due_at(row, now)).filter(|&at| at > now.0) } {
                step.leave(again);
            }
            if let Some(tally) = tally.filter(|_| self.by == By::Sweeper) {
                tally.census.add(!is_due && has_value, footprint(row));
            }
            return;
        }
        step.removed += 1;
        wake::at_end_of_row(key);
        if has_value {
            growth::forget(key, row);
        }
        step.evicted += u32::from(fate == Some(Fate::Evicted));
        if fate == Some(Fate::Due) {
            // It was not due before it was written. Where that cannot be told, nor can this.
            let due_since = written_at(row, now).0.max(due_at(row, now));
            let lag = if due_since < 0 { 0 } else { now.0.saturating_sub(due_since) };
            step.lag = step.lag.max(bounded(lag, LONGEST) as i64);
            tally.inspect(|tally| tally.counters.add(Counter::Expired, has_value.into()));
        }
    }
}

/// Why a row goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its time is over, or a tag of it was invalidated.
    Due,
    /// Room is needed.
    Evicted,
}

pub(super) fn tid(block: BlockNumber, offset: u16) -> pg_sys::ItemPointerData {
    let mut tid = pg_sys::ItemPointerData::default();
    pgrx::itemptr::item_pointer_set_all(&mut tid, block, offset);
    tid
}
