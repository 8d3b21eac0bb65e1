//! Owns the suites that are Rust programs, run by cargo.
//!
//! Must never build the extension: [`crate::package`] does.

use std::process::Command;

use anyhow::Result;

use super::summary::Verdict;
use crate::postgres::{self, Installation};
use crate::{paths, prerequisites, process};

pub fn unit() -> Result<Verdict> {
    process::run(cargo().args(["test", "-p", "cache_pg_rules", "-p", "cache_pg_simulator", "-p", "xtask"]))?;
    Ok(Verdict::Passed)
}

pub fn against(package: &str, arguments: &[&str], installation: &Installation) -> Result<Verdict> {
    prerequisites::pgbouncer();
    process::run(
        cargo()
            .args(["test", "--no-fail-fast", "--package", package])
            .arg("--")
            .args(arguments)
            .env(postgres::UNDER_TEST, &installation.pg_config),
    )?;
    Ok(Verdict::Passed)
}

/// Runs the benchmark, an optimised program that is compiled only for this.
///
/// # Errors
/// When it fails.
pub fn bench(arguments: &[String]) -> Result<()> {
    process::run(cargo().args(["run", "--quiet", "--release", "--package", "cache_pg_bench", "--"]).args(arguments))
}

/// Cargo on the project, for everything but the extension.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(paths::project());
    command
}
