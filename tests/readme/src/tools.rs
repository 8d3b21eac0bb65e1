//! Drivers for the languages of the pages, from npm and PyPI, and the project's own packages: into directories below the
//! target directory.
//!
//! What is not to be had is a reason to leave blocks out, never an error. Must never install anything system-wide.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use xtask::{paths, process};

/// A directory with what a language needs, or why there is none.
pub type Tools = Result<PathBuf, String>;

/// Node's packages of `package.json`, Prisma's client, and `cache-pg`.
pub fn node() -> Tools {
    let client = paths::project().join("clients/typescript");
    provide("node", &["node", "npm"], "package.json", &client, |dir| {
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
        let package = dir.join("node_modules/cache-pg");
        for (path, text) in files(&client)? {
            let to = package.join(path.strip_prefix(&client)?);
            fs::create_dir_all(to.parent().context("a file has no directory")?)?;
            fs::write(to, text)?;
        }
        process::output(Command::new(dir.join("node_modules/.bin/tsc")).arg("--project").arg(&package))?;
        Ok(())
    })
}

/// Python's packages of `requirements.txt` and `cache-pg`, to be named in `PYTHONPATH`.
pub fn python() -> Tools {
    let client = paths::project().join("clients/python");
    provide("python", &["python3"], "requirements.txt", &client, |dir| {
        process::output(
            Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(["--requirement", "requirements.txt", "--target", "."])
                .arg(&client)
                .current_dir(dir),
        )?;
        Ok(())
    })
}

/// The directory `name` with what `install` puts beside a copy of `list`, kept until the list or the project's own
/// package `client` changes.
fn provide(
    name: &str,
    programs: &[&str],
    list: &str,
    client: &Path,
    install: impl FnOnce(&Path) -> Result<()>,
) -> Tools {
    if let Some(absent) = programs.iter().find(|program| process::which(program).is_none()) {
        return Err(format!("{absent} is not installed"));
    }
    let dir = paths::project().join("target").join("readme").join(name);
    let done = dir.join("installed");
    let attempt = || {
        let packages = fs::read(manifest(list))?;
        let own = files(client)?.into_iter().map(|(_, text)| text);
        let wanted: Vec<u8> = std::iter::once(packages.clone()).chain(own).flatten().collect();
        if fs::read(&done).ok().as_ref() == Some(&wanted) {
            return Ok(());
        }
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::create_dir_all(&dir)?;
        fs::write(dir.join(list), packages)?;
        install(&dir)?;
        fs::write(&done, wanted).context("cannot note what is installed")
    };
    attempt().map(|()| dir).map_err(|error| format!("{error:#}").replace('\n', " "))
}

/// The files that the package in `client` is built from, in the order of their paths.
fn files(client: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut found = Vec::new();
    let mut directories = vec![client.join("src")];
    let mut paths: Vec<PathBuf> =
        ["package.json", "tsconfig.json", "pyproject.toml"].map(|name| client.join(name)).into();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))? {
            let path = entry?.path();
            if path.is_dir() { directories.push(path) } else { paths.push(path) }
        }
    }
    paths.retain(|path| path.is_file() && path.extension().is_some_and(|extension| extension != "pyc"));
    paths.sort();
    for path in paths {
        let text = fs::read(&path)?;
        found.push((path, text));
    }
    Ok(found)
}

fn manifest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
