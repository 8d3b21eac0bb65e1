//! Loaders: read the source for a token, take their time, and store what they have read.
//!
//! Must never read the source before they have the token: that is the one thing that the contract asks of them.

use serde_json::Value;

use crate::session::{Failure, Outcome, Session};
use crate::tally::Count;
use crate::view::View;

/// The right to fill `view`.
#[derive(Debug)]
pub struct Token {
    /// What is to be loaded.
    pub view: View,
    /// What `cache_fetch` gave.
    pub text: String,
}

/// Loads for `token`, if there is one, outside of any transaction of before.
pub fn load(session: &mut Session, token: Option<Token>) -> Outcome<()> {
    let Some(token) = token else { return Ok(()) };
    session.dice.pause();
    match session.dice.roll(20) {
        0..=2 => return release(session, &token),
        // Abandoned: the lease runs out.
        3..=4 => return Ok(()),
        _ => {}
    }
    maybe_switch(session);
    if session.dice.percent(15) {
        return fill_in_the_transaction_of_the_read(session, &token);
    }
    let value = read_source(session, token.view)?;
    session.dice.long_pause();
    maybe_switch(session);
    let filled = fill(session, &token, &value);
    if matches!(filled, Err(Failure::Lost)) {
        // It was read before the crash; nobody may see it if it was changed since.
        session.reconnect().map_err(Failure::Trouble)?;
        return fill(session, &token, &value);
    }
    filled?;
    if session.dice.percent(5) {
        session.dice.pause();
        return fill(session, &token, &value);
    }
    Ok(())
}

/// Loads for `token`, if there is one, in the transaction in which it was fetched.
pub fn load_within(session: &mut Session, token: Option<Token>) -> Outcome<()> {
    let Some(token) = token else { return Ok(()) };
    let value = read_source(session, token.view)?;
    session.dice.long_pause();
    fill(session, &token, &value)
}

fn fill_in_the_transaction_of_the_read(session: &mut Session, token: &Token) -> Outcome<()> {
    let level = session.dice.level();
    session.begin(level)?;
    let value = read_source(session, token.view)?;
    session.dice.long_pause();
    fill(session, token, &value)?;
    session.dice.pause();
    let end = session.dice.pick(&["COMMIT", "COMMIT", "ROLLBACK"]);
    session.end(end)
}

/// What the source holds for `view`.
pub fn read_source(session: &mut Session, view: View) -> Outcome<Value> {
    let sql = "SELECT jsonb_object_agg(row, version) FROM source_rows WHERE row = ANY ($1)";
    let rows = session.source(sql, &[&view.ids()])?;
    let [row] = &rows[..] else {
        return Err(Failure::Trouble(anyhow::anyhow!("{} rows from the source", rows.len())));
    };
    let value = crate::reader::column(row, 0)?;
    session.run.history.seen_in_source(session.number, view, &value);
    Ok(value)
}

/// Stores `value`, if the cache takes it.
pub fn fill(session: &mut Session, token: &Token, value: &Value) -> Outcome<()> {
    let Token { view, text } = token;
    let ttl = session.dice.ttl();
    session.run.history.note_all(*view, session.number, &format!("fills {} with {value}", view.key()));
    let accepted: bool = session.call(
        "SELECT cache_fill($1, $2, $3, $4::text::interval, $5)",
        &[&view.key(), value, text, &ttl, &view.tags()],
    )?;
    let (count, answer) = if accepted { (Count::Accepted, "accepted") } else { (Count::Refused, "refused") };
    session.run.tally.add(count);
    session.run.history.note_all(*view, session.number, &format!("is {answer} for {}", view.key()));
    Ok(())
}

/// Gives the token back.
pub fn release(session: &mut Session, token: &Token) -> Outcome<()> {
    session.run.tally.add(Count::Released);
    session.call::<bool>("SELECT cache_release($1, $2)", &[&token.view.key(), &token.text]).map(drop)
}

/// A token is the client's, not the connection's.
fn maybe_switch(session: &mut Session) {
    if session.dice.percent(30) {
        session.switch();
    }
}
