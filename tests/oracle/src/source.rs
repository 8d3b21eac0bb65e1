//! The source, `sql/source.sql`: every kind of statement that changes its rows, each to a greater version.
//!
//! Must never commit without a row, nor change one that stays away from home.

use crate::mode::Mode;
use crate::reader::column;
use crate::session::{Blame, Outcome, Session};

/// A row, and the version that it has got.
pub type Version = (usize, i64);

/// Brings a row home, if it is not there; returns none where somebody else was faster with a greater version.
pub const UPDATE: &str =
    "UPDATE source SET id = $1, version = $2 WHERE id IN ($1, $1 + 100) AND version < $2 RETURNING id";

/// Each is one change; a statement that returns no row, because it found none where it looked, ends it.
const WAYS: [&[&str]; 5] = [
    &[UPDATE],
    &["UPDATE source SET id = $1 + 100, version = $2 WHERE id = $1 AND version < $2 RETURNING id"],
    &[
        "DELETE FROM source WHERE id = $1 AND version < $2 RETURNING id",
        "INSERT INTO source VALUES ($1 + 100, $2) RETURNING id",
    ],
    &[
        "DELETE FROM source WHERE id = $1 + 100 AND version < $2 RETURNING id",
        "INSERT INTO source VALUES ($1, $2) RETURNING id",
    ],
    &["WITH gone AS (DELETE FROM source WHERE id IN ($1, $1 + 100) AND version < $2 RETURNING id)
       INSERT INTO source SELECT $1 + $1 + 100 - id, $2 FROM gone RETURNING id"],
];

/// Bring rows home that are locked.
const AT_ONCE: [&str; 2] = [
    "UPDATE source SET id = new.id, version = new.version FROM unnest($1::int[], $2::bigint[]) AS new (id, version)
     WHERE source.id % 100 = new.id",
    MERGE,
];

/// Not for partitions: a row that goes to another one by this is shown to no trigger of the statement (DESIGN.md).
const MERGE: &str =
    "MERGE INTO source USING unnest($1::int[], $2::bigint[]) AS new (id, version) ON source.id % 100 = new.id
     WHEN MATCHED THEN UPDATE SET id = new.id, version = new.version";

/// Changes `rows`, one after the other or all at once; returns what has changed.
pub fn change(session: &mut Session, rows: &[usize]) -> Outcome<Vec<Version>> {
    if session.dice.percent(20) {
        return change_at_once(session, rows);
    }
    let mut changed = Vec::new();
    for &row in rows {
        let way = session.dice.pick(&WAYS);
        changed.extend(change_one(session, row, way)?);
    }
    Ok(changed)
}

/// Several rows in one statement, after they were locked in order: then nobody can be faster.
fn change_at_once(session: &mut Session, rows: &[usize]) -> Outcome<Vec<Version>> {
    let ids: Vec<_> = rows.iter().map(|&row| row as i32).collect();
    let locked =
        session.source("SELECT id % 100 FROM source WHERE id % 100 = ANY ($1) ORDER BY 1 FOR UPDATE", &[&ids])?;
    let ids = locked.iter().map(|row| column::<i32>(row, 0)).collect::<Outcome<Vec<_>>>()?;
    let history = &session.run.history;
    let attempt = |&id: &i32| (id as usize, history.attempt(id as usize, session.number));
    let changed: Vec<Version> = ids.iter().map(attempt).collect();
    let versions: Vec<_> = changed.iter().map(|&(_, version)| version).collect();
    let statement = if session.run.plan.mode == Mode::Partitioned { AT_ONCE[0] } else { session.dice.pick(&AT_ONCE) };
    let outcome = session.query(statement, &[&ids, &versions], Blame::Cache);
    if outcome.is_err() {
        changed.iter().for_each(|&(row, version)| history.rolled_back(row, session.number, version));
    }
    outcome.map(|_| changed)
}

/// Changes a row by these statements, to a new version, unless somebody else was faster with a greater one.
pub fn change_one(session: &mut Session, row: usize, way: &[&str]) -> Outcome<Option<Version>> {
    let version = session.run.history.attempt(row, session.number);
    let outcome = try_one(session, row as i32, version, way);
    // An error ends the transaction.
    if !matches!(outcome, Ok(true)) {
        session.run.history.rolled_back(row, session.number, version);
    }
    Ok(outcome?.then_some((row, version)))
}

fn try_one(session: &mut Session, id: i32, version: i64, way: &[&str]) -> Outcome<bool> {
    // Where the row is locked, no conflict about it is left: what fails then is the cache.
    let locks = session.dice.percent(50);
    if locks && session.source("SELECT FROM source WHERE id IN ($1, $1 + 100) FOR UPDATE", &[&id])?.is_empty() {
        return Ok(false);
    }
    let blame = if locks { Blame::Cache } else { Blame::Caller };
    for statement in way {
        if session.query(statement, &[&id, &version], blame)?.is_empty() {
            return Ok(false);
        }
        session.dice.pause();
    }
    Ok(true)
}
