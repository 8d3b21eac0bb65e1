//! Writers: change rows of the source and invalidate what shows them, in one transaction, or leave that to the watch.
//!
//! Must lock in one order, rows before their keys and each by number, so that no deadlock is their own.

use serde_json::Value;

use crate::change::{Change, Elsewhere};
use crate::invalidation::{delete, invalidate_tags, set};
use crate::loader::{self, Token};
use crate::mode::Mode;
use crate::reader;
use crate::session::{Outcome, Session};
use crate::source::{self, UPDATE};
use crate::tally::Count;
use crate::view::{View, tag};

/// A token that a transaction got before its end, and what everybody else could read at that time.
type Leaked = (Token, Value);

/// Changes something, and waits a little.
pub fn step(session: &mut Session) -> Outcome<()> {
    if session.dice.percent(20) {
        let row = session.dice.row();
        in_one_statement(session, row)?;
        session.dice.pause();
        return Ok(());
    }
    let mut leaked = None;
    Change::run(session, |session, change| in_a_transaction(session, change, &mut leaked))?;
    if let Some((token, value)) = leaked {
        loader::fill(session, &token, &value)?;
    }
    session.dice.pause();
    session.dice.pause();
    Ok(())
}

/// The shortest way: the statement is the transaction.
pub fn in_one_statement(session: &mut Session, row: usize) -> Outcome<()> {
    Change::run(session, |session, change| try_in_one_statement(session, row, change)).map(drop)
}

fn try_in_one_statement(session: &mut Session, row: usize, change: &mut Change) -> Outcome<bool> {
    let version = session.run.history.attempt(row, session.number);
    change.versions.push((row, version));
    change.committing(session);
    let changed = if session.run.plan.mode.is_told() {
        session.run.tally.add(Count::Invalidations);
        session.source(
            &format!("WITH changed AS ({UPDATE}) SELECT cache_delete($3), cache_invalidate_tags($4) FROM changed"),
            &[&(row as i32), &version, &View::Row(row).key(), &tag(row)],
        )?
    } else {
        session.source(UPDATE, &[&(row as i32), &version])?
    };
    Ok(!changed.is_empty())
}

fn in_a_transaction(session: &mut Session, change: &mut Change, leaked: &mut Option<Leaked>) -> Outcome<bool> {
    let level = session.dice.level();
    let rows = session.dice.rows();
    session.begin(level)?;
    // Through the executor, and with a snapshot that is kept, a delete runs in a subtransaction of its own, and whoever
    // waits for it waits for the end of the whole transaction, though it was rolled back to the savepoint: PostgreSQL
    // knows no better. Then rows after keys would be a deadlock of our own.
    let waits_to_the_end = session.run.plan.mode == Mode::WithTrigger && level != "READ COMMITTED";
    if session.dice.percent(15) && !waits_to_the_end {
        undone(session)?;
    }
    maybe_as_replica(session, 20)?;
    let told = session.run.plan.mode.is_told();
    let tags_first = session.dice.percent(30);
    if told && tags_first {
        invalidate_tags(session, &rows)?;
        session.dice.pause();
    }
    let kept = session.dice.percent(15);
    if kept {
        session.execute("SAVEPOINT kept")?;
    }
    change.versions = source::change(session, &rows)?;
    session.dice.pause();
    if told {
        delete(session, &rows, &change.versions)?;
    } else if session.dice.percent(30) {
        store_and_change_again(session, change)?;
    }
    if kept {
        session.execute("RELEASE kept")?;
    }
    if told && !tags_first {
        invalidate_tags(session, &rows)?;
    }
    match session.dice.roll(12) {
        0 => *leaked = leak(session, rows[0])?,
        1 => fill_its_own(session, rows[0])?,
        _ => {}
    }
    session.dice.pause();
    if session.dice.percent(20) {
        session.end("ROLLBACK")?;
        return Ok(false);
    }
    change.commit(session, Elsewhere::Maybe)
}

/// Stores some of what it has changed, and changes it again: what was stored in between must go, too.
fn store_and_change_again(session: &mut Session, change: &mut Change) -> Outcome<()> {
    if session.dice.percent(50) {
        set(session, &change.versions)?;
    }
    for (row, version) in &mut change.versions {
        fill_its_own(session, *row)?;
        if let [(_, newer)] = source::change(session, &[*row])?[..] {
            session.run.history.rolled_back(*row, session.number, *version);
            *version = newer;
        }
    }
    Ok(())
}

/// So many times of a hundred the transaction is one that applies what a publisher has sent: no triggers fire but those
/// made for that.
pub fn maybe_as_replica(session: &mut Session, percent: u32) -> Outcome<()> {
    match session.dice.percent(percent) {
        true => session.execute("SET LOCAL session_replication_role = replica"),
        false => Ok(()),
    }
}

/// Fetches something that shows `row`, and reads the source on another connection, which does not see the change yet.
fn leak(session: &mut Session, row: usize) -> Outcome<Option<Leaked>> {
    let view = session.dice.pick(&View::showing(row));
    let Some(token) = reader::ask(session, view, "0")?.token else { return Ok(None) };
    session.switch();
    let value = loader::read_source(session, view);
    session.switch();
    Ok(Some((token, value?)))
}

/// Reads through the cache what it has just changed: nobody else may see that before the commit.
fn fill_its_own(session: &mut Session, row: usize) -> Outcome<()> {
    let view = session.dice.pick(&View::showing(row));
    reader::ask_or_set(session, view).map(drop)
}

/// Does it all to one row, and takes it back.
fn undone(session: &mut Session) -> Outcome<()> {
    let row = session.dice.row();
    session.execute("SAVEPOINT undone")?;
    let versions = source::change(session, &[row])?;
    if session.run.plan.mode.is_told() {
        delete(session, &[row], &versions)?;
        invalidate_tags(session, &[row])?;
    }
    session.dice.pause();
    session.execute("ROLLBACK TO undone")?;
    session.run.history.note(row, session.number, "has rolled back to the savepoint");
    for (row, version) in versions {
        session.run.history.rolled_back(row, session.number, version);
    }
    Ok(())
}
