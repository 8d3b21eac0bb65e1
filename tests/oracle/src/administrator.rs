//! Administrators: empty, rewrite and alter the tables of the cache under everybody's feet.
//!
//! Must wait for nobody for long: others wait for the lock that an administrator waits for.

use serde_json::Value;

use crate::change::{Change, Elsewhere};
use crate::fault;
use crate::invalidation::{delete, invalidate_tags};
use crate::keeper;
use crate::savepoint;
use crate::session::{Outcome, Session, elsewhere};
use crate::source;
use crate::tally::Count;
use crate::view::View;

/// Belong to a transaction.
const COMMANDS: [&str; 12] = [
    "ALTER TABLE cache_entries SET (fillfactor = 50)",
    "ALTER TABLE cache_entries RESET (fillfactor)",
    "ALTER TABLE cache_tags SET (autovacuum_enabled = off)",
    "ALTER TABLE cache_entries ALTER COLUMN value SET STORAGE EXTERNAL",
    "ALTER TABLE cache_entries ALTER COLUMN value SET STORAGE EXTENDED",
    "CLUSTER cache_entries USING cache_entries_pkey",
    "REINDEX TABLE cache_entries",
    "REINDEX TABLE cache_tags",
    "SELECT cache_persistence('unlogged')",
    "SELECT cache_persistence('logged')",
    "TRUNCATE cache_entries",
    "TRUNCATE cache_entries, cache_tags",
];

/// Belong to none.
const UPKEEP: [&str; 4] = [
    "VACUUM FULL cache_entries",
    "VACUUM FULL cache_tags",
    "VACUUM (FREEZE) cache_entries",
    "VACUUM (FREEZE) cache_tags",
];

/// Does one thing, and lets the others do theirs.
pub fn step(session: &mut Session) -> Outcome<()> {
    match session.dice.roll(10) {
        0..=4 => empty_what_it_has_deleted(session)?,
        5..=6 => {
            session.execute("SET lock_timeout = '500 ms'")?;
            let command = session.dice.pick(&UPKEEP);
            let done = session.execute(command);
            session.execute("RESET lock_timeout")?;
            done?;
        }
        _ => {
            let command = session.dice.pick(&COMMANDS);
            let level = session.dice.level();
            session.begin(level)?;
            alone(session, &[command])?;
            session.dice.pause();
            let end = session.dice.pick(&["COMMIT", "COMMIT", "ROLLBACK"]);
            session.end(end)?;
        }
    }
    session.run.tally.add(Count::Commands);
    session.dice.long_pause();
    Ok(())
}

/// Changes rows, deletes their entries, and takes the table away from under the tombstones, while somebody has a
/// snapshot that sees nothing of it.
fn empty_what_it_has_deleted(session: &mut Session) -> Outcome<()> {
    let rows = session.dice.rows();
    let view = View::Row(session.dice.pick(&rows));
    let mut seen = Value::Null;
    Change::run(session, |session, change| {
        session.begin("READ COMMITTED")?;
        // In this order, and before it holds anything else, so that deadlocks are rare.
        alone(session, &["LOCK TABLE source IN EXCLUSIVE MODE", "LOCK TABLE cache_entries IN ACCESS EXCLUSIVE MODE"])?;
        change.versions = source::change(session, &rows)?;
        if session.run.plan.mode.is_told() {
            delete(session, &rows, &change.versions)?;
            invalidate_tags(session, &rows)?;
        }
        let mostly = session.dice.percent(60);
        let command = if mostly { "TRUNCATE cache_entries" } else { session.dice.pick(&COMMANDS) };
        let end = session.dice.pick(&[None, Some("RELEASE part"), Some("RELEASE part")]);
        savepoint::within(session, end, |session| alone(session, &[command]))?;
        seen = elsewhere(session, |session| keeper::look(session, view))?;
        change.commit(session, Elsewhere::Never)
    })?;
    fault::after_a_truncate(session)?;
    elsewhere(session, |session| keeper::store_late(session, view, &seen))
}

/// Runs commands that want a table for themselves.
pub fn alone(session: &mut Session, commands: &[&str]) -> Outcome<()> {
    session.execute("SET LOCAL lock_timeout = '500 ms'")?;
    commands.iter().try_for_each(|command| session.execute(command))
}
