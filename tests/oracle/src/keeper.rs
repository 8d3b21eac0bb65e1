//! Keepers: hold an old snapshot while rows change, tombstones are swept and others come and go, and only then store
//! what they have read.
//!
//! Chance alone would hardly ever bring that about, for each step undoes the one before: so a keeper sees to the last
//! of them itself, on its other connection. Must touch the cache with the old snapshot only at the end: whoever wants
//! the table for itself would wait.

use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::fault;
use crate::loader;
use crate::reader;
use crate::savepoint;
use crate::session::{Blame, Outcome, Session, elsewhere};
use crate::tally::Count;
use crate::view::View;
use crate::writer;

/// Reads the source, waits, and stores what it has read if the cache takes it.
pub fn step(session: &mut Session) -> Outcome<()> {
    let row = if session.dice.percent(60) { session.dice.cold_row() } else { session.dice.row() };
    let [by_key, by_tag, page] = View::showing(row);
    let view = session.dice.pick(&[by_key, by_key, by_tag, page]);
    let value = look(session, view)?;
    if session.dice.percent(80) {
        elsewhere(session, |session| writer::in_one_statement(session, row))?;
    }
    // Now and then long enough for the others to come back.
    let millis = session.dice.pick(&[0, 0, 200, 1500]) + session.dice.roll(200);
    thread::sleep(Duration::from_millis(millis as u64));
    if session.dice.percent(80) {
        elsewhere(session, |session| come_and_go(session, view))?;
    }
    store_late(session, view, &value)
}

/// Begins a transaction, and reads the source for `view` with the snapshot that it keeps.
pub fn look(session: &mut Session, view: View) -> Outcome<Value> {
    let level = session.dice.pick(&["REPEATABLE READ", "SERIALIZABLE"]);
    session.begin(level)?;
    loader::read_source(session, view)
}

/// Stores what [`look`] has read, and ends its transaction.
pub fn store_late(session: &mut Session, view: View, value: &Value) -> Outcome<()> {
    session.run.tally.add(Count::Kept);
    savepoint::maybe(session, |session| store(session, view, value))?;
    let end = session.dice.pick(&["COMMIT", "COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]);
    session.end(end)?;
    // Before anybody can have stored another.
    reader::get(session, "SELECT cache_get($1)", view)
}

/// Waits a little for the row to be swept, and asks for the right to compute what is missing, only to give it back or
/// to forget it.
fn come_and_go(session: &mut Session, view: View) -> Outcome<()> {
    for _ in 0..session.dice.roll(15) {
        session.call::<i32>("SELECT cache_sweep(1000)", &[])?;
        if session.source("SELECT FROM cache_entries WHERE key = $1", &[&view.key()])?.is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    let Some(token) = reader::fetch(session, view)? else { return Ok(()) };
    if session.dice.percent(60) {
        loader::release(session, &token)?;
    }
    fault::after_a_visit(session)
}

/// Stores `value`, or what the old snapshot shows, by one way or another.
fn store(session: &mut Session, view: View, value: &Value) -> Outcome<()> {
    match session.dice.roll(4) {
        0..=1 => reader::get_or_set(session, view),
        2 => match reader::fetch(session, view)? {
            Some(token) => loader::fill(session, &token, value),
            None => Ok(()),
        },
        _ => {
            let ttl = session.dice.ttl();
            session.run.history.note_all(view, session.number, &format!("sets {} to {value}", view.key()));
            let set = "SELECT cache_set($1, $2, $3::text::interval, $4) IS NOT NULL";
            session.blaming::<bool>(Blame::Caller, set, &[&view.key(), value, &ttl, &view.tags()]).map(drop)
        }
    }
}
