//! What the demo prints: explanations, and statements with what psql answers.
//!
//! Must never colour what does not go to a terminal.

use std::io::IsTerminal;
use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::cluster::{self, Cluster};
use crate::ink::{Ink, Style};

/// The demo's terminal, and the database that it talks to.
pub struct Screen<'a> {
    cluster: &'a Cluster,
    database: &'a str,
    ink: Ink,
}

impl<'a> Screen<'a> {
    /// The terminal that this process prints to.
    pub fn new(cluster: &'a Cluster, database: &'a str) -> Self {
        Self { cluster, database, ink: Ink::new(std::io::stdout().is_terminal()) }
    }

    /// Prints a heading.
    pub fn chapter(&self, title: &str) {
        let title = self.ink.paint(Style::Heading, &format!("== {title}"));
        print!("\n{title}\n\n");
    }

    /// Prints an explanation.
    pub fn say(&self, text: &str) {
        print!("{text}\n");
    }

    /// Prints something to be copied.
    pub fn mark(&self, text: &str) {
        print!("{}\n", self.ink.paint(Style::Bold, text));
    }

    /// Whether what others write may have colours.
    pub fn ink(&self) -> Ink {
        self.ink
    }

    /// Runs `statements` in one session, each as if typed into psql, and prints what it answers. An error, which
    /// may be the point, is printed too and ends the session.
    ///
    /// # Errors
    /// When psql cannot be run.
    pub fn show(&self, statements: &[&str]) -> Result<()> {
        let answer = self.type_in(statements)?;
        let said = self.ink.paint(Style::Bad, &String::from_utf8_lossy(&answer.stderr));
        print!("{said}\n");
        Ok(())
    }

    /// As [`show`](Self::show), for statements that must succeed.
    ///
    /// # Errors
    /// When one fails.
    pub fn run(&self, statements: &[&str]) -> Result<()> {
        self.succeed(statements).map(|_| ())
    }

    /// As [`run`](Self::run), and returns the last answer of one row, as `psql -At` would print it.
    ///
    /// # Errors
    /// When one fails, or none has an answer of one row.
    pub fn ask(&self, statements: &[&str]) -> Result<String> {
        row(&self.succeed(statements)?).with_context(|| format!("no answer of one row: {}", statements.join("; ")))
    }

    /// As [`ask`](Self::ask), for an answer that must be `expected`.
    ///
    /// # Errors
    /// When one fails, or the answer is another.
    pub fn expect(&self, statements: &[&str], expected: &str) -> Result<()> {
        let answer = self.ask(statements)?;
        ensure!(answer == expected, "not the answer {expected:?}, but {answer:?}: {}", statements.join("; "));
        Ok(())
    }

    /// Runs what must succeed, and returns what psql printed.
    fn succeed(&self, statements: &[&str]) -> Result<String> {
        let answer = self.type_in(statements)?;
        let said = String::from_utf8_lossy(&answer.stderr);
        if !answer.status.success() {
            bail!("a step of the demo failed: {}", said.trim());
        }
        let spaced = answer.stdout.ends_with(b"\n\n") && said.is_empty();
        print!("{said}{}", if spaced { "" } else { "\n" });
        Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
    }

    fn type_in(&self, statements: &[&str]) -> Result<Output> {
        let mut psql = self.cluster.psql_command(self.database);
        for statement in statements {
            let typed = self.ink.paint(Style::Bold, &format!("{}=# {statement};", self.database));
            psql.arg("-c").arg(format!("\\echo {}", quoted(&typed))).arg("-c").arg(statement);
        }
        let answer = psql.output()?;
        print!("{}", String::from_utf8_lossy(&answer.stdout));
        Ok(answer)
    }

    /// The one value that `query` returns, as text.
    ///
    /// # Errors
    /// When it fails.
    pub fn value(&self, query: &str) -> Result<String> {
        self.cluster.psql(self.database, &["-At", "-c", query])
    }

    /// Runs a script and prints it with its answers.
    ///
    /// # Errors
    /// When a statement in it fails.
    pub fn script(&self, file: &std::path::Path) -> Result<()> {
        let mut psql = self.cluster.psql_command(self.database);
        let printed = crate::process::output(psql.arg("--echo-queries").arg("--file").arg(file))?;
        print!("{printed}\n");
        Ok(())
    }

    /// Waits until `query` returns true, and returns how long that took.
    ///
    /// # Errors
    /// When it does not within `deadline`.
    pub fn wait(&self, query: &str, deadline: Duration) -> Result<Duration> {
        let start = Instant::now();
        cluster::wait_for(&mut self.client()?, query, deadline)?;
        Ok(start.elapsed())
    }

    /// A connection of its own to the demo's database.
    ///
    /// # Errors
    /// When the server refuses it.
    pub fn client(&self) -> Result<postgres::Client> {
        self.cluster.connect(self.database)
    }
}

/// As an argument of a psql command.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The last row that psql printed as the only one of its table. No value in it may have a `|`.
fn row(printed: &str) -> Option<String> {
    let (before, _) = printed.rsplit_once("\n(1 row)\n")?;
    Some(before.lines().next_back()?.split('|').map(str::trim).collect::<Vec<_>>().join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_is_read_from_its_table() {
        let one = " stored \n--------\n t\n(1 row)\n\n";
        let other = "BEGIN\n found | value |   token    \n-------+-------+------------\n f     |       | 1a-2b\n(1 row)\n\nCOMMIT\n";
        assert_eq!(row(&format!("{one}{other}")).as_deref(), Some("f||1a-2b"));
        assert_eq!(row(&format!("{other}{one}")).as_deref(), Some("t"));
        assert_eq!(row(" key \n-----\n a\n b\n(2 rows)\n\n"), None);
    }

    #[test]
    fn statements_are_quoted_for_psql() {
        assert_eq!(quoted(r"SELECT 'a\b'"), r"'SELECT ''a\\b'''");
    }
}
