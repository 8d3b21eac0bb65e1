//! Partitioners: detach a partition of the watched source, change its rows while it is on its own, and bring it back.
//!
//! Must leave nobody waiting for long: others wait for the lock that a partitioner waits for.

use crate::administrator::alone;
use crate::change::{Change, Elsewhere};
use crate::reader::column;
use crate::session::{Outcome, Session};
use crate::source;
use crate::tally::Count;
use crate::writer;

/// A partition.
struct Part {
    table: &'static str,
    /// The id of row 0.
    first: i32,
}

const PARTS: [Part; 2] = [Part { table: "source_home", first: 0 }, Part { table: "source_away", first: 100 }];

/// Changes rows of partitions, and now and then detaches one or attaches it in between.
pub fn step(session: &mut Session) -> Outcome<()> {
    let part = &PARTS[session.dice.roll(PARTS.len())];
    let toggles = session.dice.pick(&[0, 1, 1, 1, 2]);
    Change::run(session, |session, change| {
        session.begin("READ COMMITTED")?;
        if toggles > 0 {
            // Before it holds anything else, so that deadlocks are rare.
            alone(session, &["LOCK TABLE source, source_home, source_away IN ACCESS EXCLUSIVE MODE"])?;
        }
        writer::maybe_as_replica(session, 60)?;
        for _ in 0..toggles {
            if session.dice.percent(30) {
                change_rows(session, change)?;
            }
            toggle(session, part)?;
        }
        change_rows(session, change)?;
        if session.dice.percent(15) {
            session.end("ROLLBACK")?;
            return Ok(false);
        }
        change.commit(session, Elsewhere::Maybe)
    })?;
    session.dice.pause();
    Ok(())
}

/// Detaches the partition if it is attached, else attaches it: with the triggers of commands, whatever role changes
/// rows.
fn toggle(session: &mut Session, part: &Part) -> Outcome<()> {
    let Part { table, first } = part;
    let rows = session.source("SELECT relispartition FROM pg_class WHERE oid = $1::text::regclass", &[table])?;
    let attached = rows.first().map(|row| column::<bool>(row, 0)).transpose()?.unwrap_or(false);
    let role = session.source("SELECT current_setting('session_replication_role')", &[])?;
    let role: String = column(&role[0], 0)?;
    session.execute("SET LOCAL session_replication_role = origin")?;
    session.run.tally.add(Count::Partitions);
    session.execute(&match attached {
        true => format!("ALTER TABLE source DETACH PARTITION {table}"),
        false => {
            let end = first + 100;
            format!("ALTER TABLE source ATTACH PARTITION {table} FOR VALUES FROM ({first}) TO ({end})")
        }
    })?;
    session.execute(&format!("SET LOCAL session_replication_role = {role}"))
}

/// Each changes a row that is found where it looks, by the names of partitions. The row is at home before or after, so
/// the watch names it.
const WAYS: [&[&str]; 3] = [
    &["UPDATE source_home SET version = $2 WHERE id = $1 AND version < $2 RETURNING id"],
    &[
        "DELETE FROM source_home WHERE id = $1 AND version < $2 RETURNING id",
        "INSERT INTO source_away VALUES ($1 + 100, $2) RETURNING id",
    ],
    &[
        "DELETE FROM source_away WHERE id = $1 + 100 AND version < $2 RETURNING id",
        "INSERT INTO source_home VALUES ($1, $2) RETURNING id",
    ],
];

/// Changes some rows, by the names of their partitions.
fn change_rows(session: &mut Session, change: &mut Change) -> Outcome<()> {
    for row in session.dice.rows() {
        let way = session.dice.pick(&WAYS);
        if let Some((_, version)) = source::change_one(session, row, way)? {
            change.replace(session, row, version);
        }
    }
    Ok(())
}
