//! Owns what the demo prints: explanations, and statements with what psql answers.
//!
//! Must never use colours, except in a terminal and in a recording.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{collections::BTreeMap, fs::File, io::IsTerminal, process::Output};

use anyhow::{Context, Result, bail, ensure};

use super::psql::{quoted, row, with};
use super::server::Server;
use crate::ink::{Ink, Style};
use crate::{cluster, process};

/// What stands before the title of a chapter.
pub const CHAPTER: &str = "== ";

/// The demo's terminal, and the database that it talks to.
pub struct Screen<'a> {
    server: &'a dyn Server,
    database: &'a str,
    ink: Ink,
    /// What was printed, in place of a terminal.
    recording: Option<Mutex<String>>,
    /// What [`gset`](Screen::gset) has set.
    variables: Mutex<BTreeMap<String, String>>,
}

impl<'a> Screen<'a> {
    /// The terminal that this process prints to.
    pub fn new(server: &'a dyn Server, database: &'a str) -> Self {
        let ink = Ink::new(std::io::stdout().is_terminal());
        Self { server, database, ink, recording: None, variables: Mutex::default() }
    }

    /// A terminal, with or without colours, whose text is kept; [`recorded`](Self::recorded) returns it.
    pub fn recording(server: &'a dyn Server, database: &'a str, colours: bool) -> Self {
        let recording = Some(Mutex::default());
        Self { server, database, ink: Ink::new(colours), recording, variables: Mutex::default() }
    }

    /// All that was printed on a recording terminal; nothing on another.
    pub fn recorded(self) -> String {
        self.recording.map_or_else(String::new, |text| text.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Prints `text` as it is, without a newline.
    pub fn print(&self, text: &str) {
        match &self.recording {
            Some(kept) => kept.lock().unwrap_or_else(PoisonError::into_inner).push_str(text),
            None => print!("{text}"),
        }
    }

    /// Prints a heading.
    pub fn chapter(&self, title: &str) {
        let title = self.ink.paint(Style::Heading, &format!("{CHAPTER}{title}"));
        self.print(&format!("\n{title}\n\n"));
    }

    /// Prints an explanation.
    pub fn say(&self, text: &str) {
        self.print(&format!("{}\n", self.ink.paint(Style::Said, text)));
    }

    /// Prints something to be copied.
    pub fn mark(&self, text: &str) {
        self.print(&format!("{}\n", self.ink.paint(Style::Bold, text)));
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
        self.print(&format!("{said}\n"));
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

    /// Runs `query`, which returns one row, as if typed into psql with `\gset`: the columns `columns` become variables.
    /// `:'token'` in a later statement stands for what the column `token` had.
    ///
    /// # Errors
    /// When it fails, or the row has other columns.
    pub fn gset(&self, query: &str, columns: &[&str]) -> Result<()> {
        self.print(&format!("{}\n", self.typed(&format!("{query} \\gset"))));
        let row = self.value(query)?;
        let values: Vec<&str> = row.split('|').collect();
        ensure!(values.len() == columns.len(), "the answer has other columns: {row}");
        let named = columns.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value.to_owned()));
        self.variables().extend(named);
        Ok(())
    }

    /// Checks that the variable `name` is `expected`.
    ///
    /// # Errors
    /// When it is not.
    pub fn expect_variable(&self, name: &str, expected: &str) -> Result<()> {
        let found = self.variables().get(name).cloned();
        ensure!(found.as_deref() == Some(expected), "{name} is not {expected:?}, but {found:?}");
        Ok(())
    }

    fn variables(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.variables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `statement` as it looks when it is typed.
    fn typed(&self, statement: &str) -> String {
        self.ink.paint(Style::Bold, &format!("{}=# {statement}", self.database))
    }

    /// Runs what must succeed, and returns what psql printed.
    fn succeed(&self, statements: &[&str]) -> Result<String> {
        let answer = self.type_in(statements)?;
        let said = String::from_utf8_lossy(&answer.stderr);
        if !answer.status.success() {
            bail!("a step of the demo failed: {}", said.trim());
        }
        let spaced = answer.stdout.ends_with(b"\n\n") && said.is_empty();
        self.print(&format!("{said}{}", if spaced { "" } else { "\n" }));
        Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
    }

    fn type_in(&self, statements: &[&str]) -> Result<Output> {
        let mut psql = self.server.psql_command(self.database);
        psql.args(["--quiet", "--pset=footer=off"]);
        let variables = self.variables().clone();
        for statement in statements {
            let typed = self.typed(&format!("{statement};"));
            psql.arg("-c").arg(format!("\\echo {}", quoted(&typed))).arg("-c").arg(with(statement, &variables));
        }
        let answer = psql.output()?;
        self.print(&String::from_utf8_lossy(&answer.stdout));
        Ok(answer)
    }

    /// The one value that `query` returns, as text.
    ///
    /// # Errors
    /// When it fails.
    pub fn value(&self, query: &str) -> Result<String> {
        process::output(self.server.psql_command(self.database).args(["-At", "-c", query]))
    }

    /// Runs a script and prints it with its answers.
    ///
    /// # Errors
    /// When a statement in it fails.
    pub fn script(&self, file: &std::path::Path) -> Result<()> {
        let mut psql = self.server.psql_command(self.database);
        let printed = process::output(psql.args(["--echo-queries", "--file=-"]).stdin(File::open(file)?))?;
        self.print(&format!("{printed}\n"));
        Ok(())
    }

    /// Waits until `query` returns true, and returns how long that took.
    ///
    /// # Errors
    /// When it does not within `deadline`.
    pub fn wait(&self, query: &str, deadline: Duration) -> Result<Duration> {
        let start = Instant::now();
        cluster::poll(deadline, query, || Ok(self.value(query)? == "t"))?;
        Ok(start.elapsed())
    }

    /// A connection of its own to the demo's database.
    ///
    /// # Errors
    /// When the server refuses it, or none but psql reaches it.
    pub fn client(&self) -> Result<postgres::Client> {
        self.server.connect(self.database)
    }
}
