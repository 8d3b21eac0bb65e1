//! Owns the description of one PostgreSQL installation: where its parts are, and how to run its programs.
//!
//! Must never guess a path: each comes from the installation's own `pg_config`.

use std::path::{Path, PathBuf};
use std::{collections::HashMap, ops::RangeInclusive, process::Command};

use anyhow::{Context, Result, bail};

use crate::process;

/// The environment variable that tells the server tests the `pg_config` of their PostgreSQL.
pub const UNDER_TEST: &str = "CACHE_PG_TEST_PG_CONFIG";

/// The environment variable that tells the tests of upgrades the `pg_config` of the oldest PostgreSQL under test.
pub const OLDEST: &str = "CACHE_PG_TEST_OLDEST";

/// The majors that the extension supports.
pub const SUPPORTED: RangeInclusive<u16> = 15..=19;

/// A PostgreSQL server installation, as its `pg_config` describes it.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The major, such as 18.
    pub major: u16,
    /// The full version, such as `18.6`.
    pub version: String,
    /// Where its programs are.
    pub bindir: PathBuf,
    /// Its own `pg_config`.
    pub pg_config: PathBuf,
    /// Where it loads extension libraries from.
    pub pkglibdir: PathBuf,
    /// Its read-only data; extensions are in `extension` below it.
    pub sharedir: PathBuf,
    /// The headers that an extension is compiled against. They may be absent.
    pub includedir_server: PathBuf,
    /// The driver of golden SQL tests, if it came with this installation.
    pub pg_regress: Option<PathBuf>,
    /// The driver of isolation tests, if it came with this installation.
    pub pg_isolation_regress: Option<PathBuf>,
    /// Whether it was compiled with PostgreSQL's own assertions.
    pub has_assertions: bool,
}

impl Installation {
    /// The installation that `pg_config` belongs to.
    ///
    /// # Errors
    /// When `pg_config` cannot be run, or prints something else than a `pg_config` does.
    pub fn at(pg_config: &Path) -> Result<Self> {
        let printed = process::output(&mut Command::new(pg_config))?;
        let facts: HashMap<&str, &str> = printed
            .lines()
            .filter_map(|line| line.split_once(" = "))
            .map(|(name, value)| (name.trim(), value.trim()))
            .collect();
        let fact = |name: &str| {
            facts.get(name).copied().with_context(|| format!("{} does not say what {name} is", pg_config.display()))
        };
        let (major, version) = parse_version(fact("VERSION")?)?;
        let bindir = PathBuf::from(fact("BINDIR")?);
        let tests = Path::new(fact("PGXS")?).ancestors().nth(2).map(|src| src.join("test"));
        let tool = |name: &str| {
            let file = tests.as_ref()?.join(name);
            file.is_file().then_some(file)
        };
        let own = bindir.join("pg_config");
        Ok(Self {
            major,
            version,
            pg_config: if own.is_file() { own } else { pg_config.to_owned() },
            pkglibdir: fact("PKGLIBDIR")?.into(),
            sharedir: fact("SHAREDIR")?.into(),
            includedir_server: fact("INCLUDEDIR-SERVER")?.into(),
            pg_regress: tool("regress/pg_regress"),
            pg_isolation_regress: tool("isolation/pg_isolation_regress"),
            has_assertions: fact("CONFIGURE")?.contains("--enable-cassert"),
            bindir,
        })
    }

    /// Its name in one word: the major, and whether it has assertions.
    pub fn name(&self) -> String {
        format!("{}{}", self.major, if self.has_assertions { "-asserts" } else { "" })
    }

    /// Where `CREATE EXTENSION` looks for control files and scripts.
    pub fn extension_dir(&self) -> PathBuf {
        self.sharedir.join("extension")
    }

    /// One of its programs, without the caller's `PG*` variables and language.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bindir.join(program));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command.env("LC_ALL", locale());
        command
    }

    /// Checks that the extension can be compiled for it.
    ///
    /// # Errors
    /// When the major is not supported, or the headers are not installed; the message names their package.
    pub fn require_buildable(&self) -> Result<()> {
        if !SUPPORTED.contains(&self.major) {
            let (first, last) = SUPPORTED.into_inner();
            bail!("cache_pg supports PostgreSQL {first} to {last}; this is {}", self.version);
        }
        if self.includedir_server.join("postgres.h").is_file() {
            return Ok(());
        }
        bail!(
            "PostgreSQL {} has no server headers ({} is missing); install them with your system's \
             package, such as postgresql-server-dev-{} on Debian and Ubuntu or postgresql{}-devel on \
             Red Hat and SUSE",
            self.version,
            self.includedir_server.join("postgres.h").display(),
            self.major,
            self.major
        )
    }
}

/// The locale for servers and tools: sorting and messages are the same on every machine.
pub fn locale() -> &'static str {
    static LOCALE: std::sync::OnceLock<&'static str> = std::sync::OnceLock::new();
    LOCALE.get_or_init(|| {
        let known = process::output(Command::new("locale").arg("-a")).unwrap_or_default();
        if known.lines().any(|name| ["C.UTF-8", "C.utf8"].contains(&name)) { "C.UTF-8" } else { "C" }
    })
}

/// `PostgreSQL 15.20 (Debian 15.20-0+deb12u1)` as 15 and `15.20`; `PostgreSQL 19beta1` as 19 and `19beta1`.
fn parse_version(printed: &str) -> Result<(u16, String)> {
    let version = printed.split_whitespace().nth(1).unwrap_or_default();
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    let major = version[..digits].parse().with_context(|| format!("cannot read a version from {printed:?}"))?;
    Ok((major, version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_pg_config_prints_them() {
        let read = |printed| parse_version(printed).unwrap();
        assert_eq!(read("PostgreSQL 15.20 (Debian 15.20-0+deb12u1)"), (15, "15.20".to_owned()));
        assert_eq!(read("PostgreSQL 19beta1"), (19, "19beta1".to_owned()));
        assert!(parse_version("PostgreSQL").is_err());
    }

    #[test]
    fn missing_headers_name_the_package() {
        let nowhere = PathBuf::from("/nonexistent");
        let bare = Installation {
            major: 17,
            version: "17.2".into(),
            bindir: nowhere.clone(),
            pg_config: nowhere.clone(),
            pkglibdir: nowhere.clone(),
            sharedir: nowhere.clone(),
            includedir_server: nowhere,
            pg_regress: None,
            pg_isolation_regress: None,
            has_assertions: false,
        };
        let error = bare.require_buildable().unwrap_err().to_string();
        assert!(error.contains("postgresql-server-dev-17"), "{error}");
    }
}
