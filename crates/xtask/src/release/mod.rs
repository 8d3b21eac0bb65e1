//! Owns `cargo xtask release`: what is checked before a release, and the making of the files that it consists of.
//!
//! Must never publish anything, nor change the work tree: `.github/workflows/release.yml` publishes.

mod artefacts;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::package::{self, Package, git};
use crate::postgres::SUPPORTED;
use crate::suites::{self, releases};
use crate::{files, paths, process};

/// What the caller of `cargo xtask release` asks for.
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
    faults.extend(releases::check().err().map(|error| format!("{error:#}")));
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
        faults.extend(of_build(&version, package)?);
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
    let names = |dir: &Path| files::entries(dir).iter().map(|file| files::name(file)).collect::<Vec<_>>();
    let changelog = fs::read_to_string(paths::project().join("CHANGELOG.md"))?;
    let mut faults: Vec<_> = [
        rules::asked(version, options.version.as_deref()),
        rules::clean(&printed(&["status", "--porcelain"])?),
        rules::tagged(version, &printed(&["tag", "--list"])?, &printed(&["tag", "--points-at", "HEAD"])?),
        rules::dated(&changelog, version),
        // What it says is compared after the build.
        (!paths::project().join(frozen(version)).is_file()).then(|| format!("{} is missing", frozen(version))),
    ]
    .into_iter()
    .flatten()
    .collect();
    let sql = paths::project().join("sql");
    faults.extend(rules::upgrades(version, &names(&sql.join("releases")), &names(&sql)));
    Ok(faults)
}

/// The rules that a built package breaks.
fn of_build(version: &str, package: &Package) -> Result<Option<String>> {
    let is_script = |file: &&PathBuf| files::name(file) == format!("cache_pg--{version}.sql");
    let script = package.scripts.iter().find(is_script).context("the package has no install script")?;
    let frozen = fs::read_to_string(paths::project().join(frozen(version))).ok();
    let generated = fs::read_to_string(script)?;
    Ok(rules::frozen(version, frozen.as_deref(), &generated, &format!("PostgreSQL {}", package.major)))
}

/// The install script of a released version, in the project.
fn frozen(version: &str) -> String {
    format!("sql/releases/cache_pg--{version}.sql")
}
