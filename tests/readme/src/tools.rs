//! Drivers for the languages of the pages: from npm and PyPI, into directories below the target directory.
//!
//! What is not to be had is a reason to leave blocks out, never an error. Must never install anything system-wide.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use xtask::{paths, process};

/// A directory with what a language needs, or why there is none.
pub type Tools = Result<PathBuf, String>;

/// Node's packages of `package.json`, and Prisma's client.
pub fn node() -> Tools {
    provide("node", &["node", "npm"], "package.json", |dir| {
        // Packages whose install scripts would fetch more are not needed.
        let quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"];
        process::output(Command::new("npm").arg("install").args(quiet).current_dir(dir))?;
        fs::copy(manifest("schema.prisma"), dir.join("schema.prisma"))?;
        process::output(
            Command::new(dir.join("node_modules/.bin/prisma"))
                .args(["generate", "--schema=schema.prisma"])
                // Made for migrations, and not run here: without this it would be downloaded.
                .env("PRISMA_SCHEMA_ENGINE_BINARY", "/bin/true")
                .current_dir(dir),
        )?;
        Ok(())
    })
}

/// Python's packages of `requirements.txt`, to be named in `PYTHONPATH`.
pub fn python() -> Tools {
    provide("python", &["python3"], "requirements.txt", |dir| {
        process::output(
            Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(["--requirement", "requirements.txt", "--target", "."])
                .current_dir(dir),
        )?;
        Ok(())
    })
}

/// The directory `name` with what `install` puts beside a copy of `list`, kept until the list changes.
fn provide(name: &str, programs: &[&str], list: &str, install: impl FnOnce(&Path) -> Result<()>) -> Tools {
    if let Some(absent) = programs.iter().find(|program| process::which(program).is_none()) {
        return Err(format!("{absent} is not installed"));
    }
    let dir = paths::project().join("target").join("readme").join(name);
    let done = dir.join("installed");
    let attempt = || {
        let wanted = fs::read(manifest(list))?;
        if fs::read(&done).ok().as_ref() == Some(&wanted) {
            return Ok(());
        }
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::create_dir_all(&dir)?;
        fs::write(dir.join(list), &wanted)?;
        install(&dir)?;
        fs::write(&done, wanted).context("cannot note what is installed")
    };
    attempt().map(|()| dir).map_err(|error| format!("{error:#}").replace('\n', " "))
}

fn manifest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
