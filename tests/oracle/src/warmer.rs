//! Warmers: put keys in line for the workers, with the tags by which their entries are invalidated.

use crate::session::{Blame, Outcome, Session};
use crate::tally::Count;
use crate::view::{self, View};

/// Puts some keys in line.
pub fn step(session: &mut Session) -> Outcome<()> {
    let in_transaction = session.maybe_begin()?;
    let row = session.dice.row();
    let [by_key, _, page] = View::showing(row);
    let put: i64 = if session.dice.percent(60) {
        let keys = vec![by_key.key(), View::Row(session.dice.row()).key()];
        session.blaming(Blame::Caller, "SELECT cache_warm($1, $2)", &[&view::ROW, &keys])?
    } else {
        let query = format!("SELECT '{}', ARRAY['{}']", page.key(), page.tags().unwrap_or_default().join("', '"));
        session.blaming(Blame::Caller, "SELECT cache_warm('page', query => $1)", &[&query])?
    };
    session.run.tally.add_many(Count::PutInLine, put.unsigned_abs());
    if in_transaction {
        session.dice.pause();
        let end = session.dice.pick(&["COMMIT", "COMMIT", "ROLLBACK"]);
        session.end(end)?;
    }
    session.dice.long_pause();
    Ok(())
}
