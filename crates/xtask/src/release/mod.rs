//! Owns `cargo xtask release`: what is checked before a release, and the making of the files that it consists of.
//!
//! Must never publish anything, nor change the work tree: `.github/workflows/release.yml` publishes.

mod artefacts;
mod rules;

use std::fs;

use anyhow::{Context, Result, bail};

use crate::package::{self, git, released};
use crate::postgres::SUPPORTED;
use crate::suites::{self, releases};
use crate::{paths, process};

/// The wishes of the caller of `cargo xtask release`.
#[derive(Debug, Default)]
pub struct Options {
    /// The version that is expected, such as `0.1.0`.
    pub version: Option<String>,
    /// The majors to make packages for; all supported ones if it is empty.
    pub majors: Vec<u16>,
    /// Whether to leave out the tests.
    pub no_test: bool,
}

/// Checks everything, makes all files below `target/release-VERSION`, and prints them.
///
/// # Errors
/// When a rule is broken (all that are, are named), a test fails, or a file cannot be made.
pub fn run(options: &Options) -> Result<()> {
    let version = releases::version()?;
    println!("== checks before the release of {version}");
    let mut faults = of_sources(&version, options)?;
    faults.extend([releases::check(), released::check_paths()].into_iter().filter_map(said));
    report(faults)?;
    let majors = if options.majors.is_empty() { SUPPORTED.collect() } else { options.majors.clone() };
    if !options.majors.is_empty() {
        println!("packages are made for PostgreSQL {majors:?} only, because --pg says so");
    }
    if options.no_test {
        println!("NO TEST WAS RUN, because --no-test says so");
    } else {
        suites::run_and_report(&majors, &[], false)?;
    }
    let into = paths::project().join("target").join(format!("release-{version}"));
    if into.exists() {
        fs::remove_dir_all(&into)?;
    }
    fs::create_dir_all(&into)?;
    println!("\n== packages of Debian");
    let built = package::packages(&majors, &into)?;
    let mut faults = rules::complete(&majors, &built.iter().map(|it| it.major).collect::<Vec<_>>());
    for package in &built {
        faults.extend(said(released::check(package)));
    }
    report(faults)?;
    println!("== sources and clients");
    artefacts::sources(&version, &into)?;
    suites::client_packages(&into)?;
    let changelog = fs::read_to_string(paths::project().join("CHANGELOG.md"))?;
    let (_, notes) = rules::section(&changelog, &version).context("the changelog has no section of this version")?;
    print!("\n{}", artefacts::finish(&into, notes)?);
    println!("\nall of it is in {}", into.display());
    Ok(())
}

fn report(faults: Vec<String>) -> Result<()> {
    if !faults.is_empty() {
        bail!("this is not ready for a release:\n- {}", faults.join("\n- "));
    }
    println!("passed");
    Ok(())
}

/// The rules that the sources break.
fn of_sources(version: &str, options: &Options) -> Result<Vec<String>> {
    let printed = |arguments: &[&str]| process::output(git().args(arguments));
    let changelog = fs::read_to_string(paths::project().join("CHANGELOG.md"))?;
    let frozen = format!("sql/releases/cache_pg--{version}.sql");
    let faults = [
        rules::asked(version, options.version.as_deref()),
        rules::clean(&printed(&["status", "--porcelain", "--untracked-files=all"])?),
        rules::tagged(version, &printed(&["tag", "--list"])?, &printed(&["tag", "--points-at", "HEAD"])?),
        rules::dated(&changelog, version),
        rules::collected(&changelog),
        // Its text is compared after the build.
        (!paths::project().join(&frozen).is_file()).then(|| format!("{frozen} is missing: run cargo xtask freeze")),
    ];
    Ok(faults.into_iter().flatten().collect())
}

/// The message of a failed check.
fn said(checked: Result<()>) -> Option<String> {
    checked.err().map(|error| format!("{error:#}"))
}
