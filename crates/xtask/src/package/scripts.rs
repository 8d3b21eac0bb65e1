//! Owns the SQL scripts that the sources have, the install scripts of releases and the upgrade scripts, and the present
//! version.
//!
//! Must never write one.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use cache_pg_rules::release::numbers;

use crate::{files, paths, process};

/// The directory of the released install scripts.
pub(super) const DIR: &str = "sql/releases";

/// The released install scripts, oldest first: the version of each, and its file.
pub fn released() -> Vec<(String, PathBuf)> {
    released_in(&paths::project().join(DIR))
}

fn released_in(dir: &Path) -> Vec<(String, PathBuf)> {
    let mut found: Vec<_> =
        files::entries(dir).into_iter().filter_map(|file| Some((versions(&file)?.pop()?, file))).collect();
    found.sort_by_key(|(version, _)| numbers(version));
    found
}

/// The version of an install script, or the two of an upgrade script, from its name; None for other files.
pub(super) fn versions(file: &Path) -> Option<Vec<String>> {
    let name = files::name(file);
    let versions = name.strip_prefix("cache_pg--")?.strip_suffix(".sql")?;
    Some(versions.split("--").map(str::to_owned).collect())
}

/// The upgrade scripts: `sql/cache_pg--*--*.sql`.
pub(super) fn upgrades() -> Vec<PathBuf> {
    upgrades_in(&paths::project().join("sql"))
}

fn upgrades_in(dir: &Path) -> Vec<PathBuf> {
    let mut scripts = files::entries(dir);
    scripts.retain(|script| {
        let name = files::name(script);
        let versions = name.strip_prefix("cache_pg--").and_then(|rest| rest.strip_suffix(".sql"));
        versions.is_some_and(|versions| versions.contains("--"))
    });
    scripts
}

/// The version of the extension in its manifest.
pub(super) fn version() -> Result<String> {
    let id = process::output(process::cargo("pkgid").args(["--package", "cache_pg"]))?;
    match id.rsplit(['#', '@']).next() {
        Some(version) if version.starts_with(|c: char| c.is_ascii_digit()) => Ok(version.to_owned()),
        _ => bail!("cannot read a version from {id:?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_upgrade_scripts_are_taken_from_the_sources() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["cache_pg--0.1.0--0.2.0.sql", "cache_pg--0.1.0.sql", "schema.sql"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let found = upgrades_in(dir.path());
        assert_eq!(found, [dir.path().join("cache_pg--0.1.0--0.2.0.sql")]);
        assert!(upgrades_in(&dir.path().join("absent")).is_empty());
    }

    #[test]
    fn releases_are_in_the_order_of_their_numbers() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["cache_pg--0.10.0.sql", "cache_pg--0.9.0.sql", "README"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let versions: Vec<_> = released_in(dir.path()).into_iter().map(|(version, _)| version).collect();
        assert_eq!(versions, ["0.9.0", "0.10.0"]);
    }
}
