//! Every test of the project, run in order and counted: `cargo xtask test`.
//!
//! Must never stop at the first failure, nor call a suite passed that did not run.

pub mod bless;
mod house;
mod lint;
mod pgspot;
mod regress;
mod statements;
mod summary;

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::ValueEnum;

pub use summary::{Outcome, Summary, Verdict};

use crate::postgres::{self, AtHand, Installation};
use crate::{cluster, package, paths, prerequisites, process};

/// A kind of test.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Suite {
    /// Formatting and compiler lints.
    Lint,
    /// Tests that need no server.
    Unit,
    /// SQL scripts and what they must print: `tests/sql`.
    Sql,
    /// Interleavings of several sessions: `tests/isolation`.
    Isolation,
    /// Rust programs against servers of their own: `tests/server`.
    Server,
    /// Attacks by roles with exactly the privileges in question, and a fuzzer: `tests/attack`.
    Attack,
    /// Sessions at random, crashes, and a judge of what they read: `tests/oracle`.
    Oracle,
    /// What the README shows, run: `tests/readme`.
    Readme,
    /// Whether the benchmark works: `benches`.
    Bench,
}

impl Suite {
    /// What it is called on the command line and in the summary.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lint => "lint",
            Self::Unit => "unit",
            Self::Sql => "sql",
            Self::Isolation => "isolation",
            Self::Server => "server",
            Self::Attack => "attack",
            Self::Oracle => "oracle",
            Self::Readme => "readme",
            Self::Bench => "bench",
        }
    }
}

/// Runs the suites in `only` (all when empty) on the `majors` (all at hand when empty), and returns what
/// came out. Everything is printed as it happens.
///
/// # Errors
/// When no PostgreSQL can be had. A failed test is no error here.
pub fn run(majors: &[u16], only: &[Suite]) -> Result<Summary> {
    let wanted = |suite: Suite| only.is_empty() || only.contains(&suite);
    let mut summary = Summary::default();
    let needs_server = only.is_empty() || only.iter().any(|&suite| suite != Suite::Unit);
    let at_hand = if needs_server { postgres::at_hand(majors)? } else { AtHand::default() };
    if wanted(Suite::Lint) {
        summary.add(timed("lint", None, lint::tools));
    }
    if wanted(Suite::Unit) {
        summary.add(timed("unit", None, unit));
    }
    for installation in &at_hand.installations {
        on(installation, &wanted, &mut summary);
    }
    for left_out in at_hand.left_out {
        summary.add(Outcome::left_out("all", Some(left_out.major), left_out.why));
    }
    Ok(summary)
}

/// Runs the suites that need a PostgreSQL on this one.
fn on(installation: &Installation, wanted: &dyn Fn(Suite) -> bool, summary: &mut Summary) {
    let major = Some(installation.major);
    if wanted(Suite::Lint) {
        summary.add(timed("lint", major, || lint::extension(installation)));
    }
    let on_server =
        [Suite::Sql, Suite::Isolation, Suite::Server, Suite::Attack, Suite::Oracle, Suite::Readme, Suite::Bench];
    if !on_server.iter().any(|&suite| wanted(suite)) {
        return;
    }
    let mut built = None;
    let outcome = timed("build", major, || {
        let package = package::build(installation)?;
        package::install(&package, installation)?;
        built = Some(package);
        Ok(Verdict::Passed)
    });
    let usable = outcome.passed();
    summary.add(outcome);
    if wanted(Suite::Sql)
        && let Some(package) = &built
    {
        summary.add(timed("pgspot", major, || pgspot::run(package)));
    }
    for suite in on_server {
        if wanted(suite) {
            summary.add(if usable {
                timed(suite.name(), major, || match suite {
                    Suite::Server => programs("cache_pg_server_tests", &["--test-threads=2"], installation),
                    // What the fuzzer counts is printed.
                    Suite::Attack => {
                        programs("cache_pg_attack_tests", &["--test-threads=2", "--nocapture"], installation)
                    }
                    // One after the other: each keeps the machine busy. What they count is printed.
                    Suite::Oracle => programs("cache_pg_oracle", &["--test-threads=1", "--nocapture"], installation),
                    Suite::Readme => programs("cache_pg_readme_tests", &["--test-threads=2"], installation),
                    Suite::Bench => programs("cache_pg_bench", &["--test-threads=2"], installation),
                    _ => regress::run(suite, installation),
                })
            } else {
                Outcome::left_out(suite.name(), major, "it was not built".to_owned())
            });
        }
    }
}

fn timed(suite: &'static str, major: Option<u16>, run: impl FnOnce() -> Result<Verdict>) -> Outcome {
    let version = major.map(|major| format!(" on PostgreSQL {major}"));
    println!("\n== {suite}{}", version.unwrap_or_default());
    let start = Instant::now();
    let verdict = run().unwrap_or_else(|error| {
        eprintln!("{error:#}");
        let text = format!("{error:#}");
        Verdict::Failed(text.lines().next().unwrap_or_default().to_owned())
    });
    Outcome { suite, major, verdict, took: start.elapsed() }
}

fn unit() -> Result<Verdict> {
    process::run(cargo().args(["test", "-p", "cache_pg_rules", "-p", "cache_pg_simulator", "-p", "xtask"]))?;
    Ok(Verdict::Passed)
}

fn programs(package: &str, arguments: &[&str], installation: &Installation) -> Result<Verdict> {
    prerequisites::pooler();
    process::run(
        cargo()
            .args(["test", "--no-fail-fast", "--package", package])
            .arg("--")
            .args(arguments)
            .env(postgres::UNDER_TEST, &installation.pg_config),
    )?;
    Ok(Verdict::Passed)
}

/// Runs the benchmark, which is a program of its own: it is compiled only when it is wanted, and optimised.
///
/// # Errors
/// When it fails.
pub fn bench(arguments: &[String]) -> Result<()> {
    process::run(cargo().args(["run", "--quiet", "--release", "--package", "cache_pg_bench", "--"]).args(arguments))
}

/// Cargo on the project, for everything but the extension itself.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(paths::project());
    command
}

/// Runs the suites and fails when one of them did.
///
/// # Errors
/// As [`run`], and when a suite failed.
pub fn run_and_report(majors: &[u16], only: &[Suite]) -> Result<()> {
    announce();
    cluster::remove_leftovers()?;
    let summary = run(majors, only)?;
    print!("\n{summary}");
    if summary.failed() > 0 {
        bail!("not everything passed");
    }
    Ok(())
}

fn announce() {
    if !paths::extension_target().join("release").is_dir() {
        println!(
            "This gets every PostgreSQL that this machine can have, builds the extension for each, and runs all tests. \
             The first time\nit takes about ten minutes, most of it compiling. No PostgreSQL of yours is touched."
        );
    }
}
