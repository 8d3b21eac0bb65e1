//! Owns the tests of `clients/typescript`: the package is built, packed and installed as a user does it, and tested by
//! its own tests, by Keyv's and with Prisma.
//!
//! Must never test what npm would not deliver.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};
use serde_json::Value;

use super::part::{Part, Unavailable};
use super::together::together;
use crate::{files, paths, prerequisites::node};

/// The oldest version that the package runs on.
pub(super) const OLDEST: node::Version = (20, 0);
/// Packages whose install scripts would fetch more are not needed.
pub(super) const QUIET: [&str; 4] = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
/// The first program of a user.
const SMOKE: &str = include_str!("smoke.ts");

/// A suite of others in a folder of its own. `pretest` fetches its packages, and a newer Node where it needs one.
struct Foreign {
    name: &'static str,
    folder: &'static str,
    /// The package that it is for.
    package: &'static str,
    /// The arguments by which its runner names the tests that it skips.
    arguments: &'static [&'static str],
}

const FOREIGN: [Foreign; 3] = [
    Foreign {
        name: "Keyv 5, @keyv/test-suite",
        folder: "keyv5",
        package: "keyv",
        arguments: &["--", "--reporter=verbose"],
    },
    Foreign {
        name: "Keyv 6, @keyv/test-suite",
        folder: "keyv6",
        package: "keyv",
        arguments: &["--", "--reporter=verbose"],
    },
    Foreign { name: "Prisma, our tests", folder: "prisma", package: "@prisma/client", arguments: &[] },
];

/// Runs everything. Suites that fail are noted in `part`.
///
/// # Errors
/// When a step between them fails; [`Unavailable`] without Node, npm or their registry.
pub fn run(part: &Part) -> Result<()> {
    node::require(OLDEST).map_err(|error| Unavailable(format!("{error:#}")))?;
    // Both build, so each has a copy.
    together(&[&|| own(part), &|| foreign(part)])
}

/// Builds, packs, and tests the package by itself, then installs it into an empty folder and uses it there.
fn own(part: &Part) -> Result<()> {
    let sources = part.sources("package")?;
    part.fetch("npm ci", npm(&sources)?.arg("ci").args(QUIET))?;
    part.suite(
        "cache-pg (npm), its own tests",
        &version(&sources)?,
        part.on_database("own", npm(&sources)?.arg("test"))?,
    )?;
    let packed = part.folder("packed")?;
    part.step("npm pack", npm(&sources)?.args(["pack", "--loglevel=error", "--pack-destination"]).arg(&packed))?;
    let package = files::entries(&packed).into_iter().next().context("npm pack has left no file")?;

    let user = part.folder("user")?;
    fs::write(user.join("package.json"), r#"{ "private": true, "type": "module" }"#)?;
    fs::write(user.join("smoke.ts"), SMOKE)?;
    let wanted = ["pg", "@types/pg", "@types/node@20"];
    part.fetch("npm install", npm(&user)?.arg("install").args(QUIET).arg(&package).args(wanted))?;
    let mut compile = Command::new("node");
    compile.arg(sources.join("node_modules/typescript/bin/tsc")).current_dir(&user);
    part.step(
        "compile a program",
        compile.args(["--strict", "--target", "es2022", "--module", "nodenext", "smoke.ts"]),
    )?;
    let mut smoke = Command::new("node");
    part.step("run it", part.on_database("smoke", smoke.arg("smoke.js").current_dir(&user))?)?;
    Ok(())
}

/// Runs the suites of others, side by side.
fn foreign(part: &Part) -> Result<()> {
    let sources = part.sources("foreign")?;
    part.fetch("npm ci, for the suites", npm(&sources)?.arg("ci").args(QUIET))?;
    part.step("npm run build", npm(&sources)?.args(["run", "build"]))?;
    let [keyv5, keyv6, prisma] = FOREIGN;
    together(&[&|| one(part, &sources, &keyv5), &|| one(part, &sources, &keyv6), &|| one(part, &sources, &prisma)])
}

fn one(part: &Part, sources: &Path, suite: &Foreign) -> Result<()> {
    let dir = sources.join("test").join(suite.folder);
    part.fetch(&format!("packages of {}", suite.folder), npm(&dir)?.args(["run", "pretest"]))?;
    let version = version(&dir.join("node_modules").join(suite.package))?;
    // It has run the scripts that go before already.
    let mut test = npm(&dir)?;
    test.args(["test", "--ignore-scripts"]).args(suite.arguments);
    part.suite(suite.name, &version, part.on_database(suite.folder, &mut test)?)
}

/// npm in the folder `dir`, with what it fetches kept in the tool's home.
pub(super) fn npm(dir: &Path) -> Result<Command> {
    let mut npm = Command::new("npm");
    npm.current_dir(dir).env("npm_config_cache", paths::home()?.join("npm")).env("npm_config_prefer_offline", "true");
    npm.env("npm_config_update_notifier", "false");
    Ok(npm)
}

/// The version in the `package.json` of `dir`.
fn version(dir: &Path) -> Result<String> {
    let manifest = dir.join("package.json");
    let text = fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    let version = serde_json::from_str::<Value>(&text)?["version"].as_str().map(str::to_owned);
    version.with_context(|| format!("{} has no version", manifest.display()))
}
