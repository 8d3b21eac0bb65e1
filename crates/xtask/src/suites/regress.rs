//! Owns the golden tests: scripts and their exact output, run by PostgreSQL's own drivers.
//!
//! Must never write into the sources: results go to the target directory, where `cargo xtask bless` finds them.

use std::path::{Path, PathBuf};
use std::{fs, process::Command};

use anyhow::{Context, Result, bail};

use super::{kind::Suite, results, summary::Verdict};
use crate::cluster::{Cluster, LIFETIME_IN_TESTS};
use crate::{files, output, paths, postgres::Installation, process};

/// One of the two drivers and its tests.
pub struct Golden {
    /// The directory of the tests.
    pub input: PathBuf,
    /// The directory of the scripts, and the extension of their names.
    scripts: (&'static str, &'static str),
    driver: Option<PathBuf>,
    database: &'static str,
    /// The name of its results.
    pub name: String,
}

impl Golden {
    /// The golden tests of `suite` for `installation`; `None` for a suite of another kind.
    pub fn of(suite: Suite, installation: &Installation) -> Option<Self> {
        let (scripts, driver, database) = match suite {
            Suite::Sql => (("sql", "sql"), &installation.pg_regress, "regress_sql"),
            Suite::Isolation => (("specs", "spec"), &installation.pg_isolation_regress, "regress_isolation"),
            _ => return None,
        };
        Some(Self {
            input: paths::project().join("tests").join(suite.name()),
            scripts,
            driver: driver.clone(),
            database,
            name: format!("{}-pg{}", suite.name(), installation.name()),
        })
    }

    /// The names of all tests, sorted.
    fn names(&self) -> Vec<String> {
        let (dir, extension) = self.scripts;
        names(&self.input.join(dir), extension)
    }

    /// Copies the tests to the directory `output` and adds an empty expected output where there is none, because the
    /// drivers stop at the first missing one. Returns the copy.
    fn stage(&self, names: &[String], output: &Path) -> Result<PathBuf> {
        let staged = output.join("input");
        files::copy_tree(&self.input, &staged)?;
        let expected = staged.join("expected");
        fs::create_dir_all(&expected)?;
        for name in names {
            let file = expected.join(format!("{name}.out"));
            if !file.exists() {
                fs::write(file, "")?;
            }
        }
        Ok(staged)
    }
}

/// Runs the golden tests of `suite` on a new server: in the order of the file `schedule` if there is one, else by name.
pub fn run(suite: Suite, installation: &Installation) -> Result<Verdict> {
    let golden = Golden::of(suite, installation).context("not a golden suite")?;
    golden.run(installation, &[], |_| Ok(vec!["--load-extension=cache_pg"]))
}

/// Runs the golden SQL tests but those of `without`, with an older `version` of the extension in the database.
///
/// # Errors
/// When a test fails or cannot be run.
pub fn golden_under(installation: &Installation, version: &str, without: &[&str]) -> Result<Verdict> {
    let mut golden = Golden::of(Suite::Sql, installation).context("not a golden suite")?;
    golden.name = format!("{}-under-{version}", golden.name);
    let database = golden.database;
    golden.run(installation, without, |cluster| {
        // As the driver does it, which can only create the default version.
        cluster.connect("postgres")?.batch_execute(&format!("CREATE DATABASE {database} TEMPLATE template0"))?;
        let settings =
            ["lc_messages = 'C'", "lc_monetary = 'C'", "lc_numeric = 'C'", "lc_time = 'C'", "bytea_output = 'hex'"];
        let mut client = cluster.connect(database)?;
        for setting in settings {
            client.batch_execute(&format!("ALTER DATABASE {database} SET {setting}"))?;
        }
        client.batch_execute(&format!("CREATE EXTENSION cache_pg VERSION '{version}'"))?;
        Ok(vec!["--use-existing"])
    })
}

impl Golden {
    fn run(
        &self,
        installation: &Installation,
        without: &[&str],
        prepare: impl FnOnce(&Cluster) -> Result<Vec<&'static str>>,
    ) -> Result<Verdict> {
        let names = self.names();
        if names.is_empty() {
            return Ok(Verdict::LeftOut(format!("there are no tests in {}", self.input.display())));
        }
        let Some(driver) = &self.driver else {
            return Ok(Verdict::LeftOut(format!("PostgreSQL {} has no driver for them", installation.version)));
        };
        let output = results::of_this_run(&self.name);
        let staged = self.stage(&names, &output)?;
        let schedule = staged.join("schedule");
        if let Ok(text) = fs::read_to_string(&schedule)
            && let Some(unlisted) = unlisted(&names, &text)
        {
            bail!("{unlisted} is not in the schedule");
        }
        // Golden output must not depend on when a worker removes rows.
        let cluster =
            Cluster::builder(installation).conf("cache_pg.max_workers", "0").lifetime(LIFETIME_IN_TESTS).start()?;
        let mut command = Command::new(driver);
        command
            .arg(format!("--inputdir={}", staged.display()))
            .arg(format!("--outputdir={}", output.display()))
            .arg(format!("--bindir={}", installation.bindir.display()))
            .arg(format!("--host={}", cluster.dir().display()))
            .arg(format!("--port={}", cluster.port()))
            .args(["--user=postgres", "--encoding=UTF8"])
            .args(prepare(&cluster)?)
            .arg(format!("--dbname={}", self.database))
            .current_dir(&output)
            // Scripts read them with `cat`.
            .env("CACHE_PG_VECTORS", paths::project().join("tests/vectors"))
            .env_remove("PGOPTIONS");
        if schedule.is_file() {
            let is_wanted = |line: &&str| !without.iter().any(|test| *line == format!("test: {test}"));
            let kept: Vec<_> = fs::read_to_string(&schedule)?.lines().filter(is_wanted).map(str::to_owned).collect();
            fs::write(&schedule, kept.join("\n") + "\n")?;
            command.arg(format!("--schedule={}", schedule.display()));
        } else {
            command.args(names.iter().filter(|name| !without.contains(&name.as_str())));
        }
        if let Err(error) = process::run(&mut command) {
            fs::write(output.join("server.log"), cluster.log())?;
            let differences = output.join("regression.diffs");
            if !differences.is_file() {
                bail!("{error:#}: see server.log in {}", output.display());
            }
            print_differences(&differences);
            bail!("see regression.diffs and server.log in {}", output.display());
        }
        Ok(Verdict::Passed)
    }
}

/// The first test that the schedule does not name.
fn unlisted<'a>(names: &'a [String], schedule: &str) -> Option<&'a str> {
    let listed: Vec<_> = schedule.lines().filter_map(|line| line.strip_prefix("test: ")).collect();
    names.iter().map(String::as_str).find(|name| !listed.contains(name))
}

fn print_differences(file: &Path) {
    if let Ok(differences) = fs::read_to_string(file) {
        output::line(&differences);
    }
}

fn names(dir: &Path, extension: &str) -> Vec<String> {
    let name = |file: PathBuf| {
        let is_test = file.extension().is_some_and(|found| found == extension);
        is_test.then(|| file.file_stem().unwrap_or_default().to_string_lossy().into_owned())
    };
    let mut names: Vec<_> = files::entries(dir).into_iter().filter_map(name).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_the_schedule_does_not_name_is_found() {
        let names = ["read", "write"].map(str::to_owned);
        assert_eq!(unlisted(&names, "test: write\ntest: read\n"), None);
        assert_eq!(unlisted(&names, "test: write\n"), Some("read"));
    }

    #[test]
    fn tests_are_run_in_the_order_of_their_names() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.sql", "a.sql", "a.out"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(names(dir.path(), "sql"), ["a", "b"]);
        assert!(names(&dir.path().join("absent"), "sql").is_empty());
    }
}
