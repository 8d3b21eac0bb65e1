//! Readers: every way to get a value, each judged; and what they load where there is none.

use anyhow::anyhow;
use postgres::Row;
use postgres::types::FromSqlOwned;
use serde_json::Value;

use crate::loader::{self, Token};
use crate::savepoint;
use crate::session::{Blame, Failure, Outcome, Session};
use crate::tally::Count;
use crate::view::View;

/// Reads something in one way or another.
pub fn step(session: &mut Session) -> Outcome<()> {
    let view = session.dice.view();
    match session.dice.roll(100) {
        0..=24 => get(session, "SELECT cache_get($1)", view),
        25..=27 => get(session, "SELECT cache_get_or_null($1)", view),
        28..=37 => get_many(session),
        38..=72 => {
            let token = fetch(session, view)?;
            loader::load(session, token)
        }
        73..=84 => get_or_set(session, view),
        85..=86 => get(session, "SELECT cache_take($1)", view),
        87..=88 => touch(session, view),
        _ => in_a_transaction(session),
    }?;
    session.dice.pause();
    Ok(())
}

/// Several reads in one transaction, which may be far behind by the time of the last.
fn in_a_transaction(session: &mut Session) -> Outcome<()> {
    let level = session.dice.level();
    session.begin(level)?;
    // Whatever it is, it fixes the snapshot.
    session.source("SELECT version FROM source LIMIT 1", &[])?;
    session.dice.long_pause();
    for _ in 0..1 + session.dice.roll(3) {
        let view = session.dice.view();
        match session.dice.roll(4) {
            0 => get(session, "SELECT cache_get($1)", view)?,
            1 => savepoint::maybe(session, |session| get_or_set(session, view))?,
            2 => savepoint::maybe(session, |session| {
                let token = fetch(session, view)?;
                loader::load_within(session, token)
            })?,
            _ => {
                let token = fetch(session, view)?;
                // The transaction ends before the loader begins: what it saw may be old by then.
                session.end("COMMIT")?;
                return loader::load(session, token);
            }
        }
        session.dice.pause();
    }
    let end = session.dice.pick(&["COMMIT", "COMMIT", "ROLLBACK"]);
    session.end(end)
}

/// Reads a value that a function returns.
pub fn get(session: &mut Session, sql: &'static str, view: View) -> Outcome<()> {
    let read = session.about_to_read(sql, view);
    let found: Option<Value> = session.call(sql, &[&view.key()])?;
    if let Some(value) = &found {
        session.run.tally.add(Count::Hits);
        session.run.history.judge(&read, value);
    }
    Ok(())
}

fn get_many(session: &mut Session) -> Outcome<()> {
    let views: Vec<_> = (0..1 + session.dice.roll(6)).map(|_| session.dice.view()).collect();
    let keys: Vec<_> = views.iter().map(|view| view.key()).collect();
    let reads: Vec<_> = views.iter().map(|&view| session.about_to_read("cache_get_many", view)).collect();
    let rows = session.query("SELECT key, value FROM cache_get_many($1)", &[&keys], Blame::Cache)?;
    for row in rows {
        let key: String = column(&row, 0)?;
        let value: Value = column(&row, 1)?;
        session.run.tally.add(Count::Hits);
        if let Some(read) = reads.iter().zip(&keys).find_map(|(read, asked)| (*asked == key).then_some(read)) {
            session.run.history.judge(read, &value);
        }
    }
    Ok(())
}

/// Reads with `cache_fetch`, and brings back the token if there is one.
pub fn fetch(session: &mut Session, view: View) -> Outcome<Option<Token>> {
    let wait = session.dice.pick(&["0", "0", "0", "20 ms", "300 ms"]);
    let read = session.about_to_read("cache_fetch", view);
    let Fetched { value, stale, token } = ask(session, view, wait)?;
    if let Some(value) = &value {
        session.run.tally.add(Count::Hits);
        if stale {
            session.run.tally.add(Count::StaleHits);
        }
        session.run.history.judge(&read, value);
    }
    Ok(token)
}

/// What `cache_fetch` answers.
pub struct Fetched {
    value: Option<Value>,
    stale: bool,
    /// The right to fill.
    pub token: Option<Token>,
}

/// Calls `cache_fetch`.
pub fn ask(session: &mut Session, view: View, wait: &str) -> Outcome<Fetched> {
    let sql = "SELECT found, value, stale, token FROM cache_fetch($1, $2::text::interval)";
    let rows = session.query(sql, &[&view.key(), &wait], Blame::Cache)?;
    let [row] = &rows[..] else {
        return Err(Failure::Trouble(anyhow!("{} rows from cache_fetch", rows.len())));
    };
    let value: Option<Value> = column(row, 1)?;
    if column::<bool>(row, 0)? != value.is_some() {
        return Err(Failure::Trouble(anyhow!("cache_fetch: found is not whether there is a value: {value:?}")));
    }
    let token: Option<String> = column(row, 3)?;
    if token.is_some() {
        session.run.tally.add(Count::Tokens);
        session.run.history.note_all(view, session.number, &format!("has a token for {}", view.key()));
    }
    Ok(Fetched { value, stale: column(row, 2)?, token: token.map(|text| Token { view, text }) })
}

/// Reads with `cache_get_or_set`.
pub fn get_or_set(session: &mut Session, view: View) -> Outcome<()> {
    let read = session.about_to_read("cache_get_or_set", view);
    let value = ask_or_set(session, view)?;
    session.run.tally.add(Count::Hits);
    session.run.history.judge(&read, &value);
    Ok(())
}

/// Calls `cache_get_or_set`.
pub fn ask_or_set(session: &mut Session, view: View) -> Outcome<Value> {
    let nap = session.dice.pick(&["0", "0", "0.001", "0.02", "0.15"]);
    let args = vec![format!("{:?}", view.ids()).replace('[', "{").replace(']', "}"), nap.to_owned()];
    let ttl = session.dice.ttl();
    session.run.history.note_all(view, session.number, &format!("gets or sets {}", view.key()));
    // The nap comes after the snapshot: what is read is old by that much when it is stored.
    let query = "WITH nap AS MATERIALIZED (SELECT pg_sleep($2::float8))
                 SELECT jsonb_object_agg(row, version) FROM source_rows, nap WHERE row = ANY ($1::int[])";
    let query = (!view.has_loader() || session.dice.percent(70)).then_some(query);
    let get_or_set = "SELECT cache_get_or_set($1, $2, $3::text::interval, $4, $5)";
    let value: Value = session.call(get_or_set, &[&view.key(), &query, &ttl, &view.tags(), &args])?;
    session.run.history.note_all(view, session.number, &format!("got {value} for {}", view.key()));
    Ok(value)
}

/// A new deadline, which must not bring anything back.
fn touch(session: &mut Session, view: View) -> Outcome<()> {
    let ttl = session.dice.ttl();
    session.run.history.note_all(view, session.number, &format!("touches {}", view.key()));
    let touch = "SELECT cache_touch($1, $2::text::interval)";
    session.blaming::<bool>(Blame::Caller, touch, &[&view.key(), &ttl]).map(drop)
}

/// A column of a row.
pub fn column<T: FromSqlOwned>(row: &Row, number: usize) -> Outcome<T> {
    row.try_get(number).map_err(|error| Failure::Trouble(error.into()))
}
