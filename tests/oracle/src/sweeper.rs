//! Sweepers: remove what is due as fast as they can, beside the worker.

use crate::session::{Failure, Outcome, Session};
use crate::tally::Count;

/// Sweeps a little.
pub fn step(session: &mut Session) -> Outcome<()> {
    // What a session does once, such as to collect unused tags, is done by many. Not too often: for a while after tags
    // were removed nothing is stored that an old snapshot shows, and no other fault would come to light.
    if session.dice.percent(2) {
        session.reconnect().map_err(Failure::Trouble)?;
    }
    let in_transaction = session.maybe_begin()?;
    let most = 1 + session.dice.roll(20) as i32;
    let swept: i32 = session.call("SELECT cache_sweep($1)", &[&most])?;
    session.run.tally.add_many(Count::Swept, u64::try_from(swept).unwrap_or(0));
    session.dice.pause();
    if in_transaction {
        let end = session.dice.pick(&["COMMIT", "ROLLBACK"]);
        session.end(end)?;
    }
    Ok(())
}
