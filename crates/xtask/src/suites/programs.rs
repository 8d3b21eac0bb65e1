//! Owns the suites that cargo runs: lints, with every warning an error, and tests that are Rust programs.
//!
//! Must never build the extension: [`crate::package`] does. Must never change a file of the project.

use std::process::Command;

use anyhow::Result;

use super::kind::{Program, Suite};
use super::{releases, statements, summary::Verdict, versions};
use crate::postgres::{self, Installation};
use crate::{house, package, prerequisites, process};

/// Everything that needs no PostgreSQL: the rules of the house, of its SQL and of versions, the formatting, and all
/// packages but the extension.
pub fn lint_tools() -> Result<Verdict> {
    house::check()?;
    house::check_documents()?;
    statements::check()?;
    versions::check()?;
    releases::check()?;
    package::released::check_paths()?;
    process::run(process::cargo("fmt").args(["--all", "--check"]))?;
    process::run(
        process::cargo("clippy")
            .args(["--workspace", "--exclude", "cache_pg", "--all-targets"])
            .args(["--", "-D", "warnings"]),
    )?;
    Ok(Verdict::Passed)
}

/// The extension for this major, in the profile of its build, so that the bindings to PostgreSQL are generated once for
/// both.
pub fn lint_extension(installation: &Installation) -> Result<Verdict> {
    installation.require_buildable()?;
    process::run(
        package::cargo(installation, "clippy")?
            .args(["--release", "--lib"])
            .args(package::selection(installation))
            .args(["--", "-D", "warnings"]),
    )?;
    Ok(Verdict::Passed)
}

pub fn unit() -> Result<Verdict> {
    process::run(process::cargo("test").args(["-p", "cache_pg_rules", "-p", "cache_pg_simulator", "-p", "xtask"]))?;
    Ok(Verdict::Passed)
}

/// Compiles the programs of the suites in `only`, of all when empty.
///
/// # Errors
/// When one does not compile.
pub fn compile(only: &[Suite]) -> Result<Verdict> {
    let wanted = Suite::on_server().filter(|suite| only.is_empty() || only.contains(suite));
    // One after the other: cargo would compile what they share for all of them, and differently for each alone.
    for (package, _) in wanted.filter_map(Suite::program) {
        process::run(process::cargo("test").args(["--no-run", "--package", package]))?;
    }
    Ok(Verdict::Passed)
}

/// Runs the programs of a suite on a server that has the extension.
///
/// # Errors
/// When a test fails.
pub fn against((package, arguments): Program, installation: &Installation) -> Result<Verdict> {
    prerequisites::pgbouncer();
    process::run(&mut tests(package, arguments, installation))?;
    Ok(Verdict::Passed)
}

/// The tests of updates, with `pg_upgrade` from the `oldest` PostgreSQL, which has the extension by then.
pub fn upgrade((package, arguments): Program, installation: &Installation, oldest: &Installation) -> Result<Verdict> {
    let mut tests = tests(package, arguments, installation);
    process::run(tests.env(postgres::OLDEST, &oldest.pg_config))?;
    Ok(Verdict::Passed)
}

fn tests(package: &str, arguments: &[&str], installation: &Installation) -> Command {
    let mut command = process::cargo("test");
    command
        .args(["--no-fail-fast", "--package", package, "--"])
        .args(arguments)
        .env(postgres::UNDER_TEST, &installation.pg_config);
    command
}

/// Runs the benchmark, an optimised program that is compiled only for this.
///
/// # Errors
/// When it fails.
pub fn bench(arguments: &[String]) -> Result<()> {
    process::run(
        process::cargo("run").args(["--quiet", "--release", "--package", "cache_pg_bench", "--"]).args(arguments),
    )
}
