//! Made-up releases: scripts beside those of the extension.
//!
//! Owns these files in the directory of a private PostgreSQL, and removes them. Must never touch a script of the
//! extension.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use xtask::files;
use xtask::postgres::Installation;

/// A number that no other test at work has: tests that run at the same time share one directory.
pub fn unique() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    std::process::id() * 10 + NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Scripts that are installed as long as this lives.
#[derive(Debug)]
pub struct Fixture {
    dir: PathBuf,
    files: Vec<PathBuf>,
}

impl Fixture {
    /// No scripts yet.
    pub fn new(installation: &Installation) -> Self {
        Self { dir: installation.extension_dir(), files: Vec::new() }
    }

    /// Adds the install script of a version.
    ///
    /// # Errors
    /// When there is one already, or it cannot be written.
    pub fn install(self, version: &str, script: &str) -> Result<Self> {
        self.put(version, script)
    }

    /// Adds an upgrade script.
    ///
    /// # Errors
    /// As [`install`](Self::install).
    pub fn upgrade(self, from: &str, to: &str, script: &str) -> Result<Self> {
        self.put(&format!("{from}--{to}"), script)
    }

    fn put(mut self, versions: &str, script: &str) -> Result<Self> {
        let file = self.dir.join(format!("cache_pg--{versions}.sql"));
        // A run that was killed leaves its files behind.
        let is_made_up =
            versions.split("--").any(|it| ["0.0.", "9.", "next"].iter().any(|start| it.starts_with(start)));
        ensure!(is_made_up, "{versions} may be a release");
        files::put(script.as_bytes(), &file, 0o644)?;
        self.files.push(file);
        Ok(self)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
    }
}

/// The install script of a version that is installed.
///
/// # Errors
/// When there is none.
pub fn released_script(installation: &Installation, version: &str) -> Result<String> {
    let file = installation.extension_dir().join(format!("cache_pg--{version}.sql"));
    fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// A script in which one text, which it has once, is replaced.
///
/// # Errors
/// When it does not have the text, or has it twice.
pub fn edited(script: &str, old: &str, new: &str) -> Result<String> {
    ensure!(script.matches(old).count() == 1, "the script has {old:?} {} times", script.matches(old).count());
    Ok(script.replacen(old, new, 1))
}
