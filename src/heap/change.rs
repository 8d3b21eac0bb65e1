//! Writing over the newest version of a key's row, by waiting or by giving up.
//!
//! Owns writes that look their row up by key. The newest version counts at every isolation level, even if the caller's
//! snapshot does not see it. The caller decides whether that is a conflict. Must never wait where it was told to give
//! up, and never deform columns that it does not need.
//!
//! A look-up with a dirty snapshot finds the version that is committed or in progress, and the transaction that wrote
//! it. It may miss a row that moves to another page meanwhile. Then the insertion meets the row in the unique index,
//! and the search starts again. Where nothing is to be inserted, an ordinary snapshot confirms that there is no row.

pub use super::lock::Contention;

use super::scan::{Scan, View};
use super::write::{self, Updated};
use super::{follow::NewestRow, row::Row, snapshot::see_own_work, table::Table};
use crate::pg::backend;
use pgrx::pg_sys::{self, Datum, SnapshotData, TransactionId};

/// The decision about a row.
pub enum Decision<R> {
    Leave(R),
    /// The columns of the new version, in the order of the table.
    Write(Vec<Option<Datum>>, R),
}

/// The transaction that is in the way.
enum Holder {
    /// A transaction that has not ended.
    Transaction(TransactionId),
    /// A transaction in the middle of a speculative insertion, with its token.
    Inserter(TransactionId, u32),
    /// A transaction that holds a lock on the row.
    Locker(pg_sys::ItemPointerData),
}

enum Attempt<R> {
    Done(R),
    /// The row has changed meanwhile: look again.
    Again,
    Held(Holder),
}

/// Passes the newest version of the row of `key` to `decide`, and carries out its decision. Returns None if it had to
/// give up. `decide` may run several times. The change belongs to the current transaction.
pub fn change<R>(
    table: &Table,
    key: &str,
    contention: Contention,
    mut decide: impl FnMut(Option<&Row>) -> Decision<R>,
) -> Option<R> {
    see_own_work();
    loop {
        match attempt(table, key, contention, &mut decide) {
            Attempt::Done(result) => return Some(result),
            Attempt::Again => {
                pgrx::check_for_interrupts!();
            }
            Attempt::Held(_) if contention == Contention::GiveUp => return None,
            // After the wait `decide` runs again.
            Attempt::Held(holder) => wait_for(table, holder),
        }
    }
}

fn attempt<R>(
    table: &Table,
    key: &str,
    contention: Contention,
    decide: &mut impl FnMut(Option<&Row>) -> Decision<R>,
) -> Attempt<R> {
    let mut dirty = DirtySnapshot::new();
    if let Some(newest) = dirty.newest(table, key) {
        let result = replace(table, key, &newest.row(), dirty.holder(), contention, decide);
        newest.close();
        return result;
    }
    let mut scan = dirty.scan(table);
    scan.seek(key);
    let result = match scan.next() {
        Some(row) => replace(table, key, &row, dirty.holder(), contention, decide),
        None => insert_if_wanted(table, key, decide),
    };
    scan.close();
    result
}

fn replace<R>(
    table: &Table,
    key: &str,
    row: &Row,
    holder: Option<Holder>,
    contention: Contention,
    decide: &mut impl FnMut(Option<&Row>) -> Decision<R>,
) -> Attempt<R> {
    if let Some(holder) = holder {
        return Attempt::Held(holder);
    }
    match decide(Some(row)) {
        Decision::Leave(result) => {
            record_read(table, key);
            Attempt::Done(result)
        }
        Decision::Write(columns, result) => match write::update(table, row, &columns, contention) {
            Updated::Done => Attempt::Done(result),
            Updated::Overtaken => Attempt::Again,
            Updated::Held(tid) => Attempt::Held(Holder::Locker(tid)),
        },
    }
}

fn insert_if_wanted<R>(table: &Table, key: &str, decide: &mut impl FnMut(Option<&Row>) -> Decision<R>) -> Attempt<R> {
    match decide(None) {
        Decision::Leave(_) if Scan::finds(table, View::Latest, key, |_| true) => Attempt::Again,
        Decision::Leave(result) => Attempt::Done(result),
        // `decide` runs again once our index entry exists: from then on no other transaction can insert and remove the
        // key unnoticed.
        Decision::Write(columns, result) => {
            let is_still_wanted = || matches!(decide(None), Decision::Write(..));
            match write::insert_unique(table, &columns, is_still_wanted) {
                true => Attempt::Done(result),
                false => Attempt::Again,
            }
        }
    }
}

/// A row that the transaction leaves alone was only read. SERIALIZABLE needs a predicate lock for it, and a dirty
/// snapshot takes none.
fn record_read(table: &Table, key: &str) {
    if backend::is_serializable() {
        Scan::finds(table, View::Statement, key, |_| true);
    }
}

/// A dirty snapshot: it sees versions in progress, and reports the transactions that wrote them.
struct DirtySnapshot(SnapshotData);

impl DirtySnapshot {
    fn new() -> Box<Self> {
        Box::new(Self(SnapshotData { snapshot_type: pg_sys::SnapshotType::SNAPSHOT_DIRTY, ..SnapshotData::default() }))
    }

    /// The newest version of a key's row, if a hint leads to it. Hints exist only for tables with an observer.
    fn newest(&mut self, table: &Table, key: &str) -> Option<NewestRow> {
        // SAFETY: the snapshot is a dirty one.
        if table.is_observed() { unsafe { NewestRow::find(table, key, &raw mut self.0) } } else { None }
    }

    /// A scan under this snapshot, which must outlive it.
    fn scan(&mut self, table: &Table) -> Scan {
        // SAFETY: the snapshot is boxed, and every caller closes the scan before the box is dropped.
        unsafe { Scan::under(table, &raw mut self.0, 1) }
    }

    /// The running transaction that wrote the version which the scan has just found, or that is about to replace it.
    /// The current transaction does not count.
    fn holder(&self) -> Option<Holder> {
        let none = TransactionId::from(0);
        // SAFETY: the scan has written these fields through the pointer that it was given.
        let SnapshotData { xmin, xmax, speculativeToken: token, .. } = unsafe { (&raw const self.0).read_volatile() };
        match (xmin, xmax) {
            (inserter, _) if inserter != none && token != 0 => Some(Holder::Inserter(inserter, token)),
            (writer, _) if writer != none => Some(Holder::Transaction(writer)),
            (_, writer) if writer != none => Some(Holder::Transaction(writer)),
            _ => None,
        }
    }
}

fn wait_for(table: &Table, holder: Holder) {
    let mut nowhere = pg_sys::ItemPointerData::default();
    // SAFETY: waits on heavyweight locks, as the executor does; a cancel or a deadlock raises.
    unsafe {
        match holder {
            Holder::Transaction(writer) => {
                pg_sys::XactLockTableWait(writer, table.relation, &raw mut nowhere, pg_sys::XLTW_Oper::XLTW_None)
            }
            Holder::Inserter(writer, token) => pg_sys::SpeculativeInsertionWait(writer, token),
            Holder::Locker(tid) => {
                write::lock_row(table, tid, pg_sys::LockWaitPolicy::LockWaitBlock);
            }
        }
    }
}

/// Inserts a row into a table whose index is not unique, so no other row can be in the way.
pub fn insert(table: &Table, columns: &[Option<Datum>]) {
    see_own_work();
    write::insert(table, columns);
}

/// Replaces the first row of `key` that no other transaction holds. Returns false if there is none.
pub fn update_any(table: &Table, key: &str, columns: impl Fn(&Row) -> Vec<Option<Datum>>) -> bool {
    see_own_work();
    let mut dirty = DirtySnapshot::new();
    let mut scan = dirty.scan(table);
    scan.seek(key);
    let mut updated = false;
    while !updated && let Some(row) = scan.next() {
        let free = dirty.holder().is_none();
        updated = free && matches!(write::update(table, &row, &columns(&row), Contention::GiveUp), Updated::Done);
    }
    scan.close();
    updated
}
