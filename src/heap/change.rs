//! Writing the newest version of a key's row, by waiting or by giving up.
//!
//! The newest version counts at every isolation level, also where the caller's snapshot does not see it: whether that
//! is a conflict is for the caller to decide. Must never wait where it was told not to, and never deform what it does
//! not need.
//!
//! A look-up with a dirty snapshot finds the version that is committed or in progress, and says by whom. It may miss a
//! row that moves meanwhile (a new version on another page); then the insertion meets it in the unique index, and the
//! search begins anew. Where nothing is to be inserted, a look-up with an ordinary snapshot confirms that there is
//! nothing.

pub use super::lock::Contention;

use super::follow::NewestRow;
use super::row::Row;
use super::scan::{Scan, View};
use super::snapshot::see_own_work;
use super::table::Table;
use super::write::{self, Updated};
use crate::pg::backend;
use pgrx::pg_sys::{self, Datum, SnapshotData, TransactionId};

/// What is to become of a row.
pub enum Decision<R> {
    Leave(R),
    /// The columns of the new version, in the order of the table.
    Write(Vec<Option<Datum>>, R),
}

/// Who is in the way.
enum Holder {
    /// A transaction that has not ended.
    Transaction(TransactionId),
    /// One that is about to find out whether it may insert.
    Inserter(TransactionId, u32),
    /// A transaction that holds a lock on the row.
    Locker(pg_sys::ItemPointerData),
}

enum Attempt<R> {
    Done(R),
    /// Something has happened meanwhile: look again.
    Again,
    Held(Holder),
}

/// Hands the newest version of the row of `key` to `decide` and does what that says; None where it had to give up.
/// What was done belongs to the transaction.
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
            // Then the decision is made anew.
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
        Decision::Leave(_) if exists(table, key) => Attempt::Again,
        Decision::Leave(result) => Attempt::Done(result),
        // Asked again once our entry is in the index: from then on nobody can come and go unseen.
        Decision::Write(columns, result) => {
            let is_still_wanted = || matches!(decide(None), Decision::Write(..));
            match write::insert_unique(table, &columns, is_still_wanted) {
                true => Attempt::Done(result),
                false => Attempt::Again,
            }
        }
    }
}

/// What a transaction does not change it has read: SERIALIZABLE has to know, and a dirty snapshot does not tell it.
fn record_read(table: &Table, key: &str) {
    if backend::is_serializable() {
        let mut scan = Scan::open(table, View::Statement);
        scan.find(key, |_| true);
        scan.close();
    }
}

fn exists(table: &Table, key: &str) -> bool {
    let mut scan = Scan::open(table, View::Latest);
    let found = scan.find(key, |_| true).is_some();
    scan.close();
    found
}

/// A snapshot that sees what is in progress, and is told by whom.
struct DirtySnapshot(SnapshotData);

impl DirtySnapshot {
    fn new() -> Box<Self> {
        Box::new(Self(SnapshotData { snapshot_type: pg_sys::SnapshotType::SNAPSHOT_DIRTY, ..SnapshotData::default() }))
    }

    /// The newest version of a key's row, where a hint leads to it. Hints are left by those who observe the table.
    fn newest(&mut self, table: &Table, key: &str) -> Option<NewestRow> {
        // SAFETY: it is a dirty snapshot.
        if table.is_observed() { unsafe { NewestRow::find(table, key, &raw mut self.0) } } else { None }
    }

    /// A scan under this snapshot, which must outlive it.
    fn scan(&mut self, table: &Table) -> Scan {
        // SAFETY: the snapshot is boxed, and every caller closes the scan before it goes.
        unsafe { Scan::under(table, &raw mut self.0, 1) }
    }

    /// Who has written the version that the scan has just found, or is about to replace it, and has not ended. The
    /// current transaction does not count.
    fn holder(&self) -> Option<Holder> {
        let none = TransactionId::from(0);
        // SAFETY: the scan has written here through the pointer that it was given.
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
    // SAFETY: waits on heavyweight locks, as the executor does; a cancel or a deadlock raises.
    unsafe {
        match holder {
            Holder::Transaction(writer) => pg_sys::XactLockTableWait(
                writer,
                table.relation,
                &mut pg_sys::ItemPointerData::default(),
                pg_sys::XLTW_Oper::XLTW_None,
            ),
            Holder::Inserter(writer, token) => pg_sys::SpeculativeInsertionWait(writer, token),
            Holder::Locker(tid) => {
                write::lock_row(table, tid, pg_sys::LockWaitPolicy::LockWaitBlock);
            }
        }
    }
}

/// Inserts a row into a table whose index is not unique: nothing can be in the way.
pub fn insert(table: &Table, columns: &[Option<Datum>]) {
    see_own_work();
    write::insert(table, columns);
}

/// Replaces the first version of `key`'s rows that nobody else holds; false where there is none.
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
