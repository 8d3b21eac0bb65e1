//! Owns the building of the extension for one PostgreSQL: its library, its control file and its SQL.
//!
//! Must never depend on `cargo pgrx` or its configuration: cargo and a `pg_config` are enough.

use std::path::{Path, PathBuf};
use std::{fs, process::Command};

use anyhow::{Context, Result, bail};

use super::{flags, schema, scripts as sources};
use crate::{files, output, paths, postgres::Installation, prerequisites, process};

/// The files of the extension for one major.
#[derive(Debug)]
pub struct Package {
    /// The major version that it was built for.
    pub major: u16,
    /// The version of the extension.
    pub version: String,
    /// `cache_pg.so`, for the server's library directory.
    pub library: PathBuf,
    /// `cache_pg.control` and every `cache_pg--*.sql`, for the server's extension directory.
    pub scripts: Vec<PathBuf>,
}

/// Builds the extension for `installation`, optimised, and writes its package below the target directory.
///
/// # Errors
/// When a prerequisite is missing, or it does not compile.
pub fn build(installation: &Installation) -> Result<Package> {
    build_with(installation, &[])
}

/// As [`build`], with arguments for the compilation of the extension itself.
///
/// # Errors
/// As [`build`].
pub fn build_with(installation: &Installation, arguments: &[&str]) -> Result<Package> {
    installation.require_buildable()?;
    output::line(&format!("building cache_pg for PostgreSQL {}", installation.version));
    // All majors are built to the same file: no other build may start before this one is packaged.
    fs::create_dir_all(paths::extension_target())?;
    let lock = fs::File::create(paths::extension_target().join("package.lock"))?;
    lock.lock().context("cannot lock the target directory")?;
    let mut command = cargo(installation, if arguments.is_empty() { "build" } else { "rustc" })?;
    command.args(["--release", "--lib"]).args(selection(installation));
    if !arguments.is_empty() {
        command.arg("--").args(arguments);
    }
    process::run(&mut command)?;
    assemble(installation)
}

/// A cargo command that uses `installation` instead of a `cargo pgrx` configuration.
///
/// # Errors
/// When a prerequisite is missing.
pub fn cargo(installation: &Installation, subcommand: &str) -> Result<Command> {
    let environment = prerequisites::for_build()?;
    let mut command = process::cargo(subcommand);
    command
        .envs(environment)
        .env("PGRX_PG_CONFIG_PATH", &installation.pg_config)
        .env("CARGO_TARGET_DIR", paths::extension_target())
        .env(flags::VARIABLE, flags::encoded()?)
        .env(flags::VARIABLE_OF_C, flags::of_c(installation));
    Ok(command)
}

/// The arguments of cargo that select the extension for this major.
pub fn selection(installation: &Installation) -> [String; 5] {
    [
        "--package".to_owned(),
        "cache_pg".to_owned(),
        "--no-default-features".to_owned(),
        "--features".to_owned(),
        format!("pg{}", installation.major),
    ]
}

fn assemble(installation: &Installation) -> Result<Package> {
    let version = sources::version()?;
    let dir = paths::package(installation.major);
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;

    let library = dir.join("cache_pg.so");
    let name = [std::env::consts::DLL_PREFIX, "cache_pg", std::env::consts::DLL_SUFFIX].concat();
    let built = paths::extension_target().join("release").join(name);
    let content = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    files::put(&content, &library, 0o755)?;

    let mut scripts = Vec::new();
    let control = paths::project().join("cache_pg.control");
    let text = fs::read_to_string(&control)
        .with_context(|| format!("cannot read {}", control.display()))?
        .replace("@CARGO_VERSION@", &version);
    scripts.push(put_script(&dir, "cache_pg.control", &text)?);
    let sql = schema::generate(&content, &text)?;
    scripts.push(put_script(&dir, &format!("cache_pg--{version}.sql"), &sql)?);
    // CREATE EXTENSION can install an older release, and ALTER EXTENSION updates it.
    for (_, script) in sources::released().into_iter().filter(|(released, _)| *released != version) {
        scripts.push(put_script(&dir, &files::name(&script), &fs::read_to_string(&script)?)?);
    }
    for script in sources::upgrades() {
        scripts.push(put_script(&dir, &files::name(&script), &fs::read_to_string(&script)?)?);
    }
    Ok(Package { major: installation.major, version, library, scripts })
}

/// The package that was built last for `installation`.
///
/// # Errors
/// When there is none.
pub fn built(installation: &Installation) -> Result<Package> {
    let dir = paths::package(installation.major);
    let (libraries, mut scripts): (Vec<_>, Vec<_>) =
        files::entries(&dir).into_iter().partition(|file| files::name(file) == "cache_pg.so");
    let [library] = libraries.as_slice() else { bail!("the extension is not built in {}", dir.display()) };
    // In the order in which they are built: the install script is the first of the SQL.
    scripts.sort_by_key(|script| (files::name(script).matches("--").count(), files::name(script)));
    Ok(Package { major: installation.major, version: sources::version()?, library: library.clone(), scripts })
}

fn put_script(dir: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let file = dir.join(name);
    files::put(text.as_bytes(), &file, 0o644)?;
    Ok(file)
}
