//! Owns one half of the suite `clients`, a package: its working folder, its databases, its steps and their logs.
//!
//! Must never write to the sources, nor let a step run without an end.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, fs, fs::File, process::Command};

use anyhow::{Context, Result, anyhow, ensure};
use tempfile::TempDir;

use super::super::results;
use super::counts::Counts;
use super::sources;
use super::table::Row;
use crate::{cluster::Cluster, paths, process};

/// The longest time for one step, in seconds: several times that of the slowest on a busy machine.
const DEADLINE: &str = "600";
/// How many lines of a failed step are printed: from its beginning and its end.
const PRINTED: (usize, usize) = (10, 80);
/// The messages of npm and pip when they cannot reach a registry.
const OFFLINE: [&str; 7] = [
    "EAI_AGAIN",
    "ENOTFOUND",
    "ECONNREFUSED",
    "ENETUNREACH",
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
];

/// Something that this machine does not have: a reason to leave a package out.
#[derive(Debug)]
pub struct Unavailable(pub String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// The tests of one package.
pub struct Part<'a> {
    name: &'static str,
    cluster: &'a Cluster,
    scratch: TempDir,
    logs: PathBuf,
    results: Mutex<(Vec<Row>, Vec<String>)>,
}

impl<'a> Part<'a> {
    /// That of `clients/NAME`, whose databases are on `cluster`.
    ///
    /// # Errors
    /// When its folders cannot be created.
    pub fn new(name: &'static str, cluster: &'a Cluster) -> Result<Self> {
        let all = paths::project().join("target/clients");
        fs::create_dir_all(&all)?;
        let logs = results::of_this_run(&format!("clients-pg{}", cluster.installation().name())).join(name);
        fs::create_dir_all(&logs)?;
        Ok(Self { name, cluster, scratch: tempfile::tempdir_in(all)?, logs, results: Mutex::default() })
    }

    /// A copy of the package's sources below the new folder `copy`, with what its tests read of the project.
    ///
    /// # Errors
    /// When they cannot be copied.
    pub fn sources(&self, copy: &str) -> Result<PathBuf> {
        let root = self.folder(copy)?;
        for place in [Path::new("clients").join(self.name), PathBuf::from("tests/vectors")] {
            sources::copy(&paths::project().join(&place), &root.join(&place))?;
        }
        Ok(root.join("clients").join(self.name))
    }

    /// A new empty folder.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch.path().join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Lets `command` connect to a new database that has the extension: by the variables of libpq and `DATABASE_URL`.
    ///
    /// # Errors
    /// When the database cannot be created.
    pub fn on_database<'c>(&self, name: &str, command: &'c mut Command) -> Result<&'c mut Command> {
        let database = format!("{}_{name}", self.name);
        self.cluster.connect("postgres")?.batch_execute(&format!("CREATE DATABASE {database}"))?;
        self.cluster.connect(&database)?.batch_execute("CREATE EXTENSION cache_pg")?;
        for (variable, _) in std::env::vars_os().filter(|(variable, _)| variable.to_string_lossy().starts_with("PG")) {
            command.env_remove(variable);
        }
        // Through the socket, where roles that tests create need no password.
        let (host, port) = (self.cluster.dir(), self.cluster.port().to_string());
        let url = format!("postgresql://postgres@localhost/{database}?host={}&port={port}", host.display());
        command.env("DATABASE_URL", url).env("PGHOST", host).env("PGPORT", port);
        Ok(command.env("PGUSER", "postgres").env("PGDATABASE", database))
    }

    /// Runs a step and returns what it printed, which is also in a log.
    ///
    /// # Errors
    /// When it fails or does not end; the message has the end of its output.
    pub fn step(&self, step: &str, command: &mut Command) -> Result<String> {
        let (output, took, ended) = self.run(step, command)?;
        println!("{}: {step}: {:.1} s", self.name, took.as_secs_f64());
        ended?;
        Ok(output)
    }

    /// As [`step`](Self::step), for a command that fetches something.
    ///
    /// # Errors
    /// As there; [`Unavailable`] when it cannot reach what it fetches.
    pub fn fetch(&self, step: &str, command: &mut Command) -> Result<String> {
        self.step(step, command).map_err(|error| {
            let said = format!("{error:#}");
            match OFFLINE.iter().find(|word| said.contains(**word)) {
                Some(word) => Unavailable(format!("{step} cannot reach its registry: {word}")).into(),
                None => error,
            }
        })
    }

    /// Runs tests and notes how they ended. Tests that fail are noted too, and are no error here.
    ///
    /// # Errors
    /// When the command cannot be run.
    pub fn suite(&self, suite: &'static str, version: &str, command: &mut Command) -> Result<()> {
        let (output, took, ended) = self.run(suite, command)?;
        println!("{}: {suite}: {:.1} s", self.name, took.as_secs_f64());
        let counts = Counts::read(&output);
        let ended = ended.and_then(|()| match &counts {
            Some(counts) if counts.failed == 0 => Ok(()),
            Some(_) => Err(anyhow!("{suite}: tests failed")),
            None => Err(anyhow!("{suite}: no test ran\n{}", shortened(&output))),
        });
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        results.0.push(Row { suite, version: version.to_owned(), counts, took });
        results.1.extend(ended.err().map(|error| format!("{error:#}")));
        Ok(())
    }

    /// The results of its suites, and why one of them or what came between them failed.
    pub fn finish(self, ended: Result<()>) -> (Vec<Row>, Result<()>) {
        let (rows, mut failures) = self.results.into_inner().unwrap_or_else(PoisonError::into_inner);
        if failures.is_empty() {
            return (rows, ended);
        }
        failures.extend(ended.err().map(|error| format!("{error:#}")));
        (rows, Err(anyhow!("{}", failures.join("\n"))))
    }

    /// Runs `command`: what it printed, how long it took, and whether it failed.
    fn run(&self, step: &str, command: &mut Command) -> Result<(String, Duration, Result<()>)> {
        let log = self.logs.join(step.replace(|it: char| !it.is_ascii_alphanumeric(), "_") + ".log");
        let file = File::create(&log)?;
        let start = Instant::now();
        // timeout also ends what npm and pip start, at the deadline and when this process ends.
        let mut limited = Command::new("setpriv");
        limited.args(["--pdeathsig", "TERM", "timeout", "--kill-after=10", DEADLINE]);
        limited.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => limited.env(name, value),
                None => limited.env_remove(name),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            ensure!(dir.is_dir(), "{step}: there is no {}", dir.display());
            limited.current_dir(dir);
        }
        limited.env("NO_COLOR", "1").env_remove("FORCE_COLOR");
        limited.stdin(std::process::Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let status = limited.status().with_context(|| format!("cannot run {}", process::shown(&limited)))?;
        let output = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        let ended = match status.code() {
            Some(0) => Ok(()),
            Some(124) => Err(format!("did not end within {DEADLINE} s")),
            _ => Err(format!("failed: {status}")),
        };
        let told = |how| anyhow!("{}: {step} {how}\n{}\nsee {}", self.name, shortened(&output), log.display());
        let ended = ended.map_err(told);
        Ok((output, start.elapsed(), ended))
    }
}

/// The output, without its middle if it is long.
fn shortened(output: &str) -> String {
    let lines: Vec<_> = output.lines().collect();
    let (first, last) = PRINTED;
    if lines.len() <= first + last {
        return lines.join("\n");
    }
    format!("{}\n...\n{}", lines[..first].join("\n"), lines[lines.len() - last..].join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_output_the_beginning_and_the_end_are_told() {
        let long: Vec<_> = (1..=200).map(|line| line.to_string()).collect();
        let told = shortened(&long.join("\n"));
        assert!(told.starts_with("1\n") && told.contains("\n10\n...\n121\n") && told.ends_with("\n200"), "{told}");
        assert_eq!(shortened("1\n2\n"), "1\n2");
    }
}
