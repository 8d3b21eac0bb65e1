//! A client: two connections to the server, one in use, and what becomes of its errors.
//!
//! Must never forget an error: each is the crash, a conflict that is counted, or the end of the run.

use anyhow::Context;
use postgres::error::{DbError, SqlState};
use postgres::types::{FromSqlOwned, ToSql};
use postgres::{Client, Row};

use crate::dice::Dice;
use crate::fault::Fault;
use crate::history::{Floors, Read};
use crate::run::Run;
use crate::tally::Count;
use crate::view::View;

/// Why a statement did not do what it was sent for.
#[derive(Debug)]
pub enum Failure {
    /// The server crashed.
    Lost,
    /// The transaction can only be tried again.
    Conflict,
    /// What must not happen.
    Trouble(anyhow::Error),
}

/// What came of a statement.
pub type Outcome<T> = Result<T, Failure>;

/// Whose fault a conflict is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Blame {
    /// A statement on the source, the end of a transaction, or `cache_set` or `cache_warm`, which is an UPDATE like any
    /// other.
    Caller,
    /// A function that promises never to fail for contention.
    Cache,
}

/// A parameter of a statement.
pub type Param<'a> = &'a (dyn ToSql + Sync);

/// One client.
pub struct Session<'a> {
    /// The run that it takes part in.
    pub run: &'a Run,
    /// Which it is.
    pub number: usize,
    /// Its chance.
    pub dice: Dice,
    clients: [Client; 2],
    /// Of each in a transaction that keeps its snapshot: the floors of before it began.
    snapshots: [Option<Floors>; 2],
}

impl<'a> Session<'a> {
    /// Connects.
    ///
    /// # Errors
    /// When the server does not let it in.
    pub fn new(run: &'a Run, number: usize) -> anyhow::Result<Self> {
        let mut dice = Dice::new(run.plan.seed, number, run.start);
        let clients = [run.connect(&mut dice)?, run.connect(&mut dice)?];
        Ok(Self { run, number, dice, clients, snapshots: [None; 2] })
    }

    /// Does `step` until the time is up, whatever fails in between.
    ///
    /// # Errors
    /// The first that must not happen.
    pub fn repeat(mut self, mut step: impl FnMut(&mut Self) -> Outcome<()>) -> anyhow::Result<()> {
        while self.run.goes_on() {
            let outcome = step(&mut self);
            self.snapshots = [None; 2];
            match outcome {
                Ok(()) => {}
                Err(Failure::Conflict) => self.roll_back_quietly(),
                Err(Failure::Lost) => self.reconnect()?,
                Err(Failure::Trouble(error)) => return Err(error.context(format!("session {}", self.number))),
            }
        }
        Ok(())
    }

    /// Comes back after a crash.
    ///
    /// # Errors
    /// When the server does not let it in.
    pub fn reconnect(&mut self) -> anyhow::Result<()> {
        self.clients = [self.run.connect(&mut self.dice)?, self.run.connect(&mut self.dice)?];
        Ok(())
    }

    /// Goes on with the other connection, as through a pooler.
    pub fn switch(&mut self) {
        self.clients.swap(0, 1);
        self.snapshots.swap(0, 1);
    }

    /// Starts a transaction.
    pub fn begin(&mut self, level: &str) -> Outcome<()> {
        if level != "READ COMMITTED" {
            self.snapshots[0] = Some(self.run.history.floors());
        }
        self.execute(&format!("BEGIN ISOLATION LEVEL {level}"))
    }

    /// Now and then starts a transaction, and has it take its snapshot; returns whether it did.
    pub fn maybe_begin(&mut self) -> Outcome<bool> {
        let begins = self.dice.percent(30);
        if begins {
            let level = self.dice.level();
            self.begin(level)?;
            self.source("SELECT version FROM source LIMIT 1", &[])?;
            self.dice.pause();
        }
        Ok(begins)
    }

    /// Ends a transaction.
    pub fn end(&mut self, how: &str) -> Outcome<()> {
        self.snapshots[0] = None;
        self.execute(how)
    }

    /// A read of `view` that is about to be sent.
    pub fn about_to_read(&self, call: &'static str, view: View) -> Read {
        self.run.tally.add(Count::Reads);
        self.run.history.about_to_read(self.number, call, view, self.snapshots[0])
    }

    /// Runs statements that return nothing.
    pub fn execute(&mut self, sql: &str) -> Outcome<()> {
        let outcome = self.clients[0].batch_execute(sql);
        outcome.map_err(|error| self.failure(error, sql, Blame::Caller))
    }

    /// The rows of a statement on the source.
    pub fn source(&mut self, sql: &str, params: &[Param]) -> Outcome<Vec<Row>> {
        self.query(sql, params, Blame::Caller)
    }

    /// The one value that a function of the cache returns.
    pub fn call<T: FromSqlOwned>(&mut self, sql: &str, params: &[Param]) -> Outcome<T> {
        self.blaming(Blame::Cache, sql, params)
    }

    /// The same, where a conflict is the fault of `blame`.
    pub fn blaming<T: FromSqlOwned>(&mut self, blame: Blame, sql: &str, params: &[Param]) -> Outcome<T> {
        let rows = self.query(sql, params, blame)?;
        let value = rows.first().context("no row").and_then(|row| Ok(row.try_get(0)?));
        value.with_context(|| sql.to_owned()).map_err(Failure::Trouble)
    }

    /// The rows that a statement returns.
    pub fn query(&mut self, sql: &str, params: &[Param], blame: Blame) -> Outcome<Vec<Row>> {
        let outcome = self.clients[0].query(sql, params);
        outcome.map_err(|error| self.failure(error, sql, blame))
    }

    fn failure(&self, error: postgres::Error, sql: &str, blame: Blame) -> Failure {
        let Some(raised) = error.as_db_error() else {
            return if self.clients[0].is_closed() { Failure::Lost } else { Failure::Trouble(error.into()) };
        };
        let code = raised.code();
        if [&SqlState::CRASH_SHUTDOWN, &SqlState::ADMIN_SHUTDOWN, &SqlState::CANNOT_CONNECT_NOW].contains(&code) {
            return Failure::Lost;
        }
        let deadlock = code == &SqlState::T_R_DEADLOCK_DETECTED;
        let count = if self.is_of_administrators(raised, blame) {
            Count::Altered
        } else if !deadlock && code != &SqlState::T_R_SERIALIZATION_FAILURE {
            return Failure::Trouble(anyhow::Error::new(error).context(sql.to_owned()));
        } else if raised.message().contains("read/write dependencies") {
            Count::Dependencies
        } else if blame == Blame::Cache || deadlock {
            let log = if deadlock { self.run.log_of_deadlock() } else { String::new() };
            self.run.blame(&format!("{raised} from {sql}{log}"));
            Count::Blamed
        } else {
            Count::Conflicts
        };
        self.run.tally.add(count);
        Failure::Conflict
    }

    /// Whether an error is the fault of who alters tables: no other session locks a table against others, nor gives up
    /// waiting, nor takes a partition away.
    fn is_of_administrators(&self, raised: &DbError, blame: Blame) -> bool {
        let says =
            |text| raised.message().contains(text) || raised.detail().is_some_and(|detail| detail.contains(text));
        match *raised.code() {
            _ if !self.run.plan.mode.has_administrators() => false,
            SqlState::T_R_DEADLOCK_DETECTED => says("Lock on relation"),
            SqlState::LOCK_NOT_AVAILABLE => blame == Blame::Caller,
            SqlState::CHECK_VIOLATION => says("no partition of relation"),
            // A definition that is frozen too early is there twice for a while.
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE => self.run.plan.fault == Fault::Definition,
            _ => false,
        }
    }

    /// Where the server has crashed meanwhile, the next statement will tell.
    fn roll_back_quietly(&mut self) {
        self.clients.iter_mut().for_each(|client| drop(client.batch_execute("ROLLBACK")));
    }
}

/// Does `work` on the other connection.
pub fn elsewhere<T>(session: &mut Session, work: impl FnOnce(&mut Session) -> Outcome<T>) -> Outcome<T> {
    session.switch();
    let outcome = work(session);
    session.switch();
    outcome
}
