//! What a transaction changes, and how it ends.
//!
//! Must never leave the history in the dark about a version that was attempted.

use crate::session::{Failure, Outcome, Session};
use crate::source::Version;
use crate::tally::Count;

/// What one transaction changes.
#[derive(Debug, Default)]
pub struct Change {
    /// The rows, and what they are from its commit on.
    pub versions: Vec<Version>,
    /// Whether COMMIT was sent.
    committing: bool,
}

/// Whether another connection may send the second phase of a commit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Elsewhere {
    /// The session's other one has nothing else to do.
    Maybe,
    /// It is in a transaction.
    Never,
}

impl Change {
    /// Runs a transaction that says whether it has committed, and tells the history what became of it.
    pub fn run(
        session: &mut Session,
        transaction: impl FnOnce(&mut Session, &mut Self) -> Outcome<bool>,
    ) -> Outcome<bool> {
        let mut change = Self::default();
        let outcome = transaction(session, &mut change);
        change.settle(session, &outcome);
        outcome
    }

    /// A row has got a version, after or instead of one before.
    pub fn replace(&mut self, session: &Session, row: usize, version: i64) {
        for (_, before) in self.versions.extract_if(.., |(changed, _)| *changed == row) {
            session.run.history.rolled_back(row, session.number, before);
        }
        self.versions.push((row, version));
    }

    /// Tells the history that COMMIT is about to be sent.
    pub fn committing(&mut self, session: &Session) {
        self.committing = true;
        self.versions.iter().for_each(|&(row, version)| session.run.history.committing(row, session.number, version));
    }

    /// Commits, mostly: in one phase or in two. Says whether it did.
    pub fn commit(&mut self, session: &mut Session, elsewhere: Elsewhere) -> Outcome<bool> {
        self.committing(session);
        match self.versions.last() {
            Some((_, version)) if session.dice.percent(10) => in_two_phases(session, *version, elsewhere),
            _ => session.end("COMMIT").map(|()| true),
        }
    }

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

/// A crash between the two leaves it to whoever brings the server back ([`crate::run`]).
fn in_two_phases(session: &mut Session, version: i64, elsewhere: Elsewhere) -> Outcome<bool> {
    session.end(&format!("PREPARE TRANSACTION '{version}'"))?;
    session.dice.pause();
    if elsewhere == Elsewhere::Maybe && session.dice.percent(50) {
        session.switch();
    }
    let commits = session.dice.percent(80);
    let how = if commits { "COMMIT" } else { "ROLLBACK" };
    session.execute(&format!("{how} PREPARED '{version}'"))?;
    Ok(commits)
}
