//! Owns the lints: the rules of the house, formatting and compiler lints, with every warning an error.
//!
//! Must never change a file.

use anyhow::Result;

use super::programs::cargo;
use super::summary::Verdict;
use super::{statements, versions};
use crate::house;
use crate::package;
use crate::postgres::Installation;
use crate::process;

/// Everything that needs no PostgreSQL: the rules of the house, of its SQL and of versions, the formatting, and all
/// packages but the extension.
pub fn tools() -> Result<Verdict> {
    house::check()?;
    house::check_documents()?;
    statements::check()?;
    versions::check()?;
    process::run(cargo().args(["fmt", "--all", "--check"]))?;
    process::run(
        cargo()
            .args(["clippy", "--workspace", "--exclude", "cache_pg", "--all-targets"])
            .args(["--", "-D", "warnings"]),
    )?;
    Ok(Verdict::Passed)
}

/// The extension for this major, in the profile of its build, so that the bindings to PostgreSQL are generated once for
/// both.
pub fn extension(installation: &Installation) -> Result<Verdict> {
    installation.require_buildable()?;
    process::run(
        package::cargo(installation, "clippy")?
            .args(["--release", "--lib"])
            .args(package::selection(installation))
            .args(["--", "-D", "warnings"]),
    )?;
    Ok(Verdict::Passed)
}
