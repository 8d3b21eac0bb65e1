//! Owns a PostgreSQL 18 with assertions: no package has one, so it is built from Debian's source package.
//!
//! Must never change the system beyond the programs that the build needs, nor its list of package sources.

use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::{fs, process::Command};

use anyhow::{Context, Result, anyhow, bail};

use super::{installation::Installation, private};
use crate::prerequisites::{apt, archive::Archive};
use crate::{files, paths, process};

/// The source package.
const PACKAGE: &str = "postgresql-18";

/// The parts that tests use, besides the server and its programs.
const PARTS: [&str; 5] =
    ["contrib/amcheck", "contrib/pg_stat_statements", "contrib/pg_surgery", "src/test/regress", "src/test/isolation"];

/// A finished build leaves this file, which holds the names of those parts.
const MARKER: &str = ".cache_pg_built";

/// A build that runs in the background.
pub struct Building(JoinHandle<Result<Installation>>);

impl Building {
    /// Waits for the installation.
    ///
    /// # Errors
    /// When it does not compile.
    pub fn wait(self) -> Result<Installation> {
        self.0.join().map_err(|_| anyhow!("its build ended unexpectedly"))?
    }
}

/// Fetches the source, unless the installation exists, and starts to build it.
///
/// # Errors
/// When the source or a program for the build is not available.
pub fn begin() -> Result<Building> {
    let root = paths::home()?.join("postgres").join("18-assertions");
    let parent = root.parent().context("it has no parent directory")?.to_owned();
    fs::create_dir_all(&parent)?;
    let lock = fs::File::create(parent.join("18-assertions.lock"))?;
    lock.lock().context("cannot wait for another build")?;
    let scratch = tempfile::tempdir_in(&parent)?;
    let is_built = fs::read_to_string(root.join(MARKER)).is_ok_and(|parts| parts == PARTS.join("\n"));
    if !is_built {
        println!("fetching the source of PostgreSQL 18, to build it with its assertions");
        programs()?;
    }
    let source = if is_built { None } else { Some(source(scratch.path())?) };
    Ok(Building(thread::spawn(move || {
        // Held until it is built.
        let _held = (lock, scratch);
        if let Some(source) = source {
            build(&source, &root)?;
            process::output(Command::new("chmod").args(["-R", "a+rX"]).arg(&root))?;
            fs::write(root.join(MARKER), PARTS.join("\n"))?;
        }
        private::check(Installation::at(&root.join("bin/pg_config"))?)
    })))
}

/// Installs the programs that the build needs, besides the compiler.
fn programs() -> Result<()> {
    let missing: Vec<_> = ["make", "perl", "bison", "flex", "bzip2"]
        .into_iter()
        .filter(|program| process::which(program).is_none())
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        false if apt::usable() => apt::install(&missing),
        false => bail!("its build needs {}, which this user cannot install", missing.join(", ")),
    }
}

/// Fetches the source to `dir`, unpacks it there and returns its directory.
fn source(dir: &Path) -> Result<PathBuf> {
    let archive = Archive::open(dir, "deb-src", &["sid"], PACKAGE)?;
    process::output(archive.command("apt-get").args(["source", "--download-only", "-qq", PACKAGE]))
        .context("its source cannot be fetched from Debian's sid")?;
    let archive = files::entries(dir).into_iter().find(|path| files::name(path).ends_with(".orig.tar.bz2"));
    let archive = archive.context("the source package has no archive")?;
    process::output(Command::new("tar").args(["--extract", "--file"]).arg(archive).current_dir(dir))?;
    let is_source = |path: &PathBuf| path.is_dir() && files::name(path).starts_with("postgresql-");
    files::entries(dir).into_iter().find(is_source).context("the archive has an unknown layout")
}

/// Compiles the source and installs it to `root`, at low priority, because it may take minutes.
fn build(source: &Path, root: &Path) -> Result<()> {
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new("nice");
        command.arg(program).args(arguments).current_dir(source);
        // Make may have started this tool.
        for name in ["MAKEFLAGS", "MAKELEVEL", "MFLAGS"] {
            command.env_remove(name);
        }
        process::output(&mut command).with_context(|| format!("{program} {} failed", arguments.join(" ")))
    };
    let prefix = format!("--prefix={}", root.display());
    let without = ["--without-icu", "--without-readline", "--without-zlib"];
    run("./configure", &[&["--quiet", "--enable-cassert", "CFLAGS=-O1 -pipe", &prefix], &without[..]].concat())?;
    let jobs = format!("-j{}", thread::available_parallelism().map_or(1, usize::from));
    run("make", &["-s", &jobs])?;
    run("make", &["-s", "install"])?;
    for part in PARTS {
        run("make", &["-s", &jobs, "-C", part])?;
        run("make", &["-s", "-C", part, "install"])?;
    }
    Ok(())
}
