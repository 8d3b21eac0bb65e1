//! Writers: change rows of the source and invalidate what shows them, in one transaction.
//!
//! Must lock in one order, rows before keys and each by number, so that no deadlock is their own.

use serde_json::{Value, json};

use crate::loader::{self, Token};
use crate::mode::Mode;
use crate::reader;
use crate::session::{Blame, Failure, Outcome, Session};
use crate::tally::Count;
use crate::view::{ROW, ROWS, View, group_tag, tag};

/// What one transaction changes.
#[derive(Debug, Default)]
struct Change {
    versions: Vec<(usize, i64)>,
    /// Whether COMMIT was sent.
    committing: bool,
    /// A token that the transaction got before its end, and what everybody else could read at that time.
    leaked: Option<(Token, Value)>,
}

/// Changes something, and waits a little.
pub fn step(session: &mut Session) -> Outcome<()> {
    let mut change = Change::default();
    let outcome = match session.dice.roll(5) {
        0 => in_one_statement(session, &mut change),
        _ => in_a_transaction(session, &mut change),
    };
    change.settle(session, &outcome);
    outcome?;
    if let Some((token, value)) = change.leaked {
        loader::fill(session, &token, &value)?;
    }
    session.dice.pause();
    session.dice.pause();
    Ok(())
}

impl Change {
    fn committing(&mut self, session: &Session) {
        self.committing = true;
        self.versions.iter().for_each(|&(row, version)| session.run.history.committing(row, session.number, version));
    }

    /// Tells the history what became of it; `Ok` says whether it committed.
    fn settle(&self, session: &Session, outcome: &Outcome<bool>) {
        let Session { run, number, .. } = session;
        match outcome {
            Ok(true) => {
                run.tally.add(Count::Commits);
                self.versions.iter().for_each(|&(row, version)| run.history.committed(row, *number, version));
            }
            Err(Failure::Lost) if self.committing => {
                run.tally.add(Count::InDoubt);
                self.versions.iter().for_each(|&(row, version)| {
                    run.history.note(row, *number, &format!("does not know whether {version} is committed"));
                });
            }
            Ok(false) | Err(_) => {
                run.tally.add(Count::RolledBack);
                self.versions.iter().for_each(|&(row, version)| run.history.rolled_back(row, *number, version));
            }
        }
    }
}

/// The shortest way: the statement is the transaction.
fn in_one_statement(session: &mut Session, change: &mut Change) -> Outcome<bool> {
    let row = session.dice.roll(ROWS);
    let version = session.run.history.attempt(row, session.number);
    change.versions.push((row, version));
    change.committing(session);
    session.run.tally.add(Count::Invalidations);
    let changed = session.source(
        "WITH changed AS (UPDATE source SET version = $2 WHERE id = $1 AND version < $2 RETURNING id)
         SELECT cache_delete($3), cache_invalidate_tags($4) FROM changed",
        &[&(row as i32), &version, &View::Row(row).key(), &tag(row)],
    )?;
    Ok(!changed.is_empty())
}

fn in_a_transaction(session: &mut Session, change: &mut Change) -> Outcome<bool> {
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
    let tags_first = session.dice.percent(30);
    if tags_first {
        invalidate_tags(session, &rows)?;
        session.dice.pause();
    }
    let kept = session.dice.percent(15);
    if kept {
        session.execute("SAVEPOINT kept")?;
    }
    for &row in &rows {
        change.versions.extend(update(session, row)?);
    }
    session.dice.pause();
    delete(session, &rows, &change.versions)?;
    if kept {
        session.execute("RELEASE kept")?;
    }
    if !tags_first {
        invalidate_tags(session, &rows)?;
    }
    match session.dice.roll(12) {
        0 => change.leaked = leak(session, rows[0])?,
        1 => fill_its_own(session, rows[0])?,
        _ => {}
    }
    session.dice.pause();
    if session.dice.percent(20) {
        session.end("ROLLBACK")?;
        return Ok(false);
    }
    change.committing(session);
    match change.versions.last() {
        Some((_, version)) if session.dice.percent(10) => in_two_phases(session, *version)?,
        _ => session.end("COMMIT")?,
    }
    Ok(true)
}

/// A crash between the two leaves it to whoever brings the server back ([`crate::run`]).
fn in_two_phases(session: &mut Session, version: i64) -> Outcome<()> {
    session.end(&format!("PREPARE TRANSACTION '{version}'"))?;
    session.dice.pause();
    session.execute(&format!("COMMIT PREPARED '{version}'"))
}

/// Fetches something that shows `row`, and reads the source on another connection, which does not see the change yet.
fn leak(session: &mut Session, row: usize) -> Outcome<Option<(Token, Value)>> {
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
    let row = session.dice.roll(ROWS);
    session.execute("SAVEPOINT undone")?;
    let version = update(session, row)?;
    delete(session, &[row], &version.into_iter().collect::<Vec<_>>())?;
    invalidate_tags(session, &[row])?;
    session.dice.pause();
    session.execute("ROLLBACK TO undone")?;
    session.run.history.note(row, session.number, "has rolled back to the savepoint");
    if let Some((row, version)) = version {
        session.run.history.rolled_back(row, session.number, version);
    }
    Ok(())
}

/// The new version, unless somebody else was faster with a greater one.
fn update(session: &mut Session, row: usize) -> Outcome<Option<(usize, i64)>> {
    let history = &session.run.history;
    let version = history.attempt(row, session.number);
    let changed = session.source(
        "UPDATE source SET version = $2 WHERE id = $1 AND version < $2 RETURNING id",
        &[&(row as i32), &version],
    );
    // An error ends the transaction.
    if changed.as_ref().map_or(true, Vec::is_empty) {
        history.rolled_back(row, session.number, version);
    }
    Ok((!changed?.is_empty()).then_some((row, version)))
}

/// Deletes the entries of `rows`, some of which get their new value at once.
fn delete(session: &mut Session, rows: &[usize], versions: &[(usize, i64)]) -> Outcome<()> {
    let keys: Vec<_> = rows.iter().map(|&row| View::Row(row).key()).collect();
    let way = session.dice.roll(10);
    session.run.tally.add(Count::Invalidations);
    rows.iter().for_each(|&row| session.run.history.note(row, session.number, &format!("deletes its key, way {way}")));
    match way {
        0..=2 => return session.call::<i64>("SELECT cache_delete_many($1)", &[&keys]).map(drop),
        3 => {
            let namespace = session.dice.pick(&[Some(ROW), None]);
            return session.call::<i64>("SELECT cache_clear($1)", &[&namespace]).map(drop);
        }
        _ => {}
    }
    for (row, key) in rows.iter().zip(&keys) {
        let own = versions.iter().find(|(changed, _)| changed == row);
        match (way, own) {
            (4, _) => drop(session.call::<Option<Value>>("SELECT cache_take($1)", &[key])?),
            (5..=6, Some((row, version))) => {
                let value = json!({ row.to_string(): version });
                let ttl = session.dice.ttl();
                let set = "SELECT cache_set($1, $2, $3::text::interval) IS NOT NULL";
                session.blaming::<bool>(Blame::Caller, set, &[key, &value, &ttl])?;
            }
            _ => drop(session.call::<bool>("SELECT cache_delete($1)", &[key])?),
        }
        session.dice.pause();
    }
    Ok(())
}

/// Invalidates whatever else shows `rows`: by their own tags, or by those of their groups.
fn invalidate_tags(session: &mut Session, rows: &[usize]) -> Outcome<()> {
    let by_group = session.dice.percent(30);
    let mut tags: Vec<_> = rows.iter().map(|&row| if by_group { group_tag(row) } else { tag(row) }).collect();
    tags.dedup();
    session.run.tally.add(Count::Invalidations);
    for &row in rows {
        session.run.history.note(row, session.number, &format!("invalidates {tags:?}"));
    }
    session.call::<i64>("SELECT cache_invalidate_tags(VARIADIC $1)", &[&tags]).map(drop)
}
