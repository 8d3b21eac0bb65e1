//! Owns PostgreSQL under valgrind's callgrind, which counts every instruction of every process. The counts repeat to
//! within 0.1 % on any machine, however busy.
//!
//! Must never be used to measure time.

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use anyhow::{Context, Result};
use xtask::{cluster, files, paths, postgres::Installation, process};

use super::{LeftOut, postgres::Postgres};

/// Replaces the server's program. Its second argument is the data directory, which the server may write to.
const WRAPPER: &str = "#!/bin/sh\nexec valgrind --quiet --tool=callgrind \
                       --callgrind-out-file=\"$2/callgrind.%p\" SERVER \"$@\"\n";

/// A server whose instructions are counted.
///
/// # Errors
/// When it does not start.
pub fn start(installation: &Installation) -> Result<Result<Postgres, LeftOut>> {
    if process::which("valgrind").is_none() {
        return Ok(Err(LeftOut { name: "instructions", why: "valgrind is not installed".to_owned() }));
    }
    let wrapped =
        Installation { bindir: wrapped(&installation.bindir, &installation.version)?, ..installation.clone() };
    let settings = [("autovacuum", "off"), ("cache_pg.max_workers", "0"), ("synchronous_commit", "off")];
    Ok(Ok(Postgres::start_with(&wrapped, 128, &settings)?))
}

/// How many instructions a process of the server had executed when it ended.
///
/// # Errors
/// When it has not ended within 60 s.
pub fn executed(postgres: &Postgres, process: i32) -> Result<u64> {
    let file = postgres.data_dir().join(format!("callgrind.{process}"));
    let mut found = None;
    cluster::poll(Duration::from_secs(60), "callgrind to write its counts", || {
        found = fs::read_to_string(&file).ok().as_deref().and_then(total);
        Ok(found.is_some())
    })?;
    found.context("callgrind has counted nothing")
}

/// The last line of callgrind.
fn total(profile: &str) -> Option<u64> {
    profile.lines().rev().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

/// A directory with the programs of `bindir` and a wrapper in place of the server. PostgreSQL finds its files beside
/// the real one.
fn wrapped(bindir: &Path, version: &str) -> Result<std::path::PathBuf> {
    let dir = paths::home()?.join("callgrind").join(version);
    fs::create_dir_all(&dir)?;
    for program in fs::read_dir(bindir)? {
        let program = program?;
        let link = dir.join(program.file_name());
        if program.file_name() != "postgres" && !link.exists() {
            symlink(program.path(), link)?;
        }
    }
    let wrapper = WRAPPER.replace("SERVER", &format!("'{}'", bindir.join("postgres").display()));
    files::put(wrapper.as_bytes(), &dir.join("postgres"), 0o755)?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_on_the_last_line() {
        assert_eq!(total("# callgrind format\ntotals: 1\nfn=(1)\n1 2\n\ntotals: 123\n"), Some(123));
        assert_eq!(total("events: Ir\n"), None);
    }
}
