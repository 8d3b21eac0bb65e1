//! Savepoints: part of what a transaction does belongs to a subtransaction, and may be taken back.

use crate::session::{Outcome, Session};

/// Does `work`, which changes no source, in a transaction: now and then in a savepoint, which is released, or rolled
/// back to.
pub fn maybe(session: &mut Session, work: impl FnOnce(&mut Session) -> Outcome<()>) -> Outcome<()> {
    let end =
        session.dice.pick(&[None, None, None, None, Some("RELEASE part"), Some("ROLLBACK TO part; RELEASE part")]);
    within(session, end, work)
}

/// Does `work` in a savepoint that ends like this; None: in none.
pub fn within<T>(
    session: &mut Session,
    end: Option<&str>,
    work: impl FnOnce(&mut Session) -> Outcome<T>,
) -> Outcome<T> {
    let Some(end) = end else { return work(session) };
    session.execute("SAVEPOINT part")?;
    let done = work(session)?;
    session.execute(end)?;
    Ok(done)
}
