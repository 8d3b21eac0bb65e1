//! Owns the time that every artefact carries, so that two builds of one commit have the same bytes.
//!
//! Must never read the clock.

use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::{paths, process};

/// The variable that other tools read the same time from, in seconds since 1970.
pub const VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// The time of the sources in seconds since 1970: what `SOURCE_DATE_EPOCH` says, else the date of the last commit, else
/// that of the newest release in `CHANGELOG.md`.
///
/// # Errors
/// When there is none of them.
pub fn of_sources() -> Result<u64> {
    if let Some(given) = std::env::var_os(VARIABLE) {
        let given = given.to_string_lossy().into_owned();
        return given.parse().with_context(|| format!("{VARIABLE} is not a number of seconds: {given:?}"));
    }
    let committed = process::output(git().args(["log", "-1", "--format=%ct"]));
    if let Some(seconds) = committed.ok().and_then(|printed| printed.parse().ok()) {
        return Ok(seconds);
    }
    let changes = std::fs::read_to_string(paths::project().join("CHANGELOG.md"))?;
    let day = changes.lines().find_map(day).ok_or_else(|| anyhow!("neither git nor CHANGELOG.md has a date"))?;
    process::output(Command::new("date").args(["--utc", "+%s", "--date", day]))?.parse().context("no time")
}

/// That time as other tools read it: the name of their variable, and its value.
///
/// # Errors
/// As [`of_sources`].
pub fn variable() -> Result<(&'static str, String)> {
    Ok((VARIABLE, of_sources()?.to_string()))
}

/// A time as mails and changelogs of Debian show it.
///
/// # Errors
/// When there is no `date` that knows how to.
pub fn shown(seconds: u64) -> Result<String> {
    let mut command = Command::new("date");
    process::output(command.args(["--utc", "--rfc-email", &format!("--date=@{seconds}")]).env("LC_ALL", "C"))
}

/// Git in the work tree of the project, even where another user owns it.
pub(crate) fn git() -> Command {
    let mut command = Command::new("git");
    command.current_dir(paths::project());
    command.args(["-c", &format!("safe.directory={}", paths::project().display())]);
    command
}

/// The date of a heading such as `## [0.1.0] - 2026-11-30`.
fn day(line: &str) -> Option<&str> {
    let day = line.strip_prefix("## [")?.split_once("] - ")?.1;
    (day.len() == 10 && day.split('-').count() == 3).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_a_release_is_in_its_heading() {
        assert_eq!(day("## [0.1.0] - 2026-11-30"), Some("2026-11-30"));
        assert_eq!(day("## [Unreleased]"), None);
        assert_eq!(day("### Added"), None);
    }

    #[test]
    fn a_time_is_shown_in_english_and_in_utc() {
        assert_eq!(shown(0).unwrap(), "Thu, 01 Jan 1970 00:00:00 +0000");
    }
}
