//! Owns what suites with a jail share: psql on a server in it, through its socket, and the result where there is none.
//!
//! Must never start or stop a server, nor pass a password: the socket asks for none.

use std::process::Command;

use anyhow::{Result, bail, ensure};
use postgres::Client;

use super::summary::Verdict;
use crate::chroot::{Jail, Unavailable};
use crate::{demo, process};

/// A server in a jail.
pub struct Jailed<'a> {
    pub jail: &'a Jail,
    /// The user of the jail that runs psql as a superuser.
    pub superuser: &'static str,
    /// The arguments by which psql finds the server.
    pub place: Vec<String>,
}

impl Jailed<'_> {
    /// psql of `user` on `database`, which stops at the first error.
    fn psql(&self, user: &str, database: &str) -> Command {
        let mut command = self.jail.command(user, "psql");
        command.args(["--no-psqlrc", "--set=ON_ERROR_STOP=1"]).args(&self.place).arg(format!("--dbname={database}"));
        command
    }

    /// The result of `sql` for the superuser, as `psql -At` prints it.
    ///
    /// # Errors
    /// When it fails.
    pub fn ask(&self, database: &str, sql: &str) -> Result<String> {
        self.ask_as(self.superuser, database, sql)
    }

    /// As [`ask`](Self::ask), for another user of the jail.
    ///
    /// # Errors
    /// When it fails; the message has the error of the server.
    pub fn ask_as(&self, user: &str, database: &str, sql: &str) -> Result<String> {
        process::output(self.psql(user, database).args(["--quiet", "-At", "-c", sql]))
    }

    /// Checks what the superuser gets for `sql`.
    ///
    /// # Errors
    /// When it is not `expected`.
    pub fn expect(&self, database: &str, sql: &str, expected: &str) -> Result<()> {
        let found = self.ask(database, sql)?;
        ensure!(found == expected, "not {expected:?} but {found:?}: {sql}");
        Ok(())
    }
}

impl demo::Server for Jailed<'_> {
    fn psql_command(&self, database: &str) -> Command {
        self.psql(self.superuser, database)
    }

    fn connect(&self, _database: &str) -> Result<Client> {
        bail!("a server in a jail is reached by psql only")
    }
}

/// The result of a suite, which is left out if this machine cannot run it.
///
/// # Errors
/// Any other error of the suite.
pub fn unless_unavailable(tested: Result<()>) -> Result<Verdict> {
    match tested {
        Ok(()) => Ok(Verdict::Passed),
        Err(error) if error.is::<Unavailable>() => Ok(Verdict::LeftOut(format!("{error:#}"))),
        Err(error) => Err(error),
    }
}
