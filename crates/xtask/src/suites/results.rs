//! Owns the directories for the output of golden tests: one for each run, so that runs do not overwrite each other.
//!
//! Must never remove a directory that a run may still write to, nor the newest results.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, process, sync::OnceLock};

use crate::{files, paths};

/// How many runs are kept.
const KEPT: usize = 8;

/// The directory for `name` in this run. It may not exist yet.
pub fn of_this_run(name: &str) -> PathBuf {
    static RUN: OnceLock<PathBuf> = OnceLock::new();
    RUN.get_or_init(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        forget_oldest(&all());
        all().join(format!("{now:013}-{}", process::id()))
    })
    .join(name)
}

/// The directory for `name` in the last run that has one.
pub fn of_last_run(name: &str) -> Option<PathBuf> {
    runs(&all()).into_iter().rev().map(|run| run.join(name)).find(|dir| dir.is_dir())
}

fn all() -> PathBuf {
    paths::extension_target().join("results")
}

/// All runs, oldest first.
fn runs(dir: &Path) -> Vec<PathBuf> {
    let mut runs = files::entries(dir);
    runs.retain(|run| process_of(run).is_some());
    runs
}

fn forget_oldest(dir: &Path) {
    let runs = runs(dir);
    let too_many = runs.len().saturating_sub(KEPT);
    for run in &runs[..too_many] {
        let is_running = process_of(run).is_some_and(|process| Path::new("/proc").join(process).exists());
        if !is_running && let Err(error) = fs::remove_dir_all(run) {
            println!("cannot remove {}: {error}", run.display());
        }
    }
}

/// The id of the process that made the run; `None` for any other directory.
fn process_of(run: &Path) -> Option<&str> {
    let (time, process) = run.file_name()?.to_str()?.split_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(time) && is_number(process)).then_some(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_runs_are_kept_and_those_that_go_on() {
        let dir = tempfile::tempdir().unwrap();
        let going_on = format!("0000000000000-{}", process::id());
        // No process has this id.
        let ended: Vec<_> = (1..=KEPT + 2).map(|time| format!("{time:013}-999999999")).collect();
        for name in ended.iter().map(String::as_str).chain([&*going_on, "sql-pg18"]) {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        forget_oldest(dir.path());
        let left = |name: &str| dir.path().join(name).is_dir();
        assert!(left(&going_on) && left("sql-pg18"));
        assert_eq!(ended.iter().map(|name| left(name)).collect::<Vec<_>>(), [&[false; 2][..], &[true; KEPT]].concat());
    }
}
