//! Owns the files of a release besides the packages: the sources, the notes and the checksums.
//!
//! Must never put something into them that is not in the commit.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::{files, package::git, process};

/// The file with the checksums.
const SUMS: &str = "SHA256SUMS";
/// The notes of the release; they are no artefact, so they have no checksum.
const NOTES: &str = "NOTES.md";

/// Writes the sources of the commit as `cache_pg-VERSION-source.tar.gz`, and for PGXN as `cache_pg-VERSION.zip`. The
/// source distribution for PyPI has the name of the first without `-source`.
///
/// # Errors
/// When git or gzip fails.
pub fn sources(version: &str, into: &Path) -> Result<()> {
    let name = format!("cache_pg-{version}");
    let tar = format!("{name}-source.tar");
    for (format, file) in [("tar", &tar), ("zip", &format!("{name}.zip"))] {
        let mut archive = git();
        archive.args(["archive", "--format", format, &format!("--prefix={name}/"), "--output"]).arg(into.join(file));
        // The times in a zip are those of a time zone.
        process::output(archive.arg("HEAD").env("TZ", "UTC"))?;
    }
    process::output(Command::new("gzip").args(["--best", "--no-name"]).arg(into.join(tar))).map(drop)
}

/// Writes the checksums and the notes, and returns one line for each file: its size in bytes, and its name.
///
/// # Errors
/// When a file cannot be read or written.
pub fn finish(into: &Path, notes: &str) -> Result<String> {
    let names: Vec<_> = files::entries(into).iter().map(|file| files::name(file)).collect();
    let sums = process::output(Command::new("sha256sum").args(&names).current_dir(into))?;
    fs::write(into.join(SUMS), sums + "\n")?;
    fs::write(into.join(NOTES), format!("{notes}\n"))?;
    let size = |name: &String| Ok(format!("{:>10}  {name}\n", fs::metadata(into.join(name))?.len()));
    names.iter().chain([&SUMS.to_owned(), &NOTES.to_owned()]).map(size).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_archives_of_one_commit_have_the_same_bytes_and_its_files() {
        let dir = tempfile::tempdir().unwrap();
        if process::output(git().args(["rev-parse", "HEAD"])).is_err() {
            // The sources were unpacked from such an archive.
            return;
        }
        let [one, two] = ["one", "two"].map(|name| dir.path().join(name));
        for into in [&one, &two] {
            fs::create_dir(into).unwrap();
            sources("0.1.0", into).unwrap();
        }
        for name in ["cache_pg-0.1.0-source.tar.gz", "cache_pg-0.1.0.zip"] {
            assert!(fs::read(one.join(name)).unwrap() == fs::read(two.join(name)).unwrap(), "{name}");
        }
        // The two were made in the same second, which must not be why they are the same: no name, no time.
        assert_eq!(fs::read(one.join("cache_pg-0.1.0-source.tar.gz")).unwrap()[3..8], [0; 5]);
        let mut list = Command::new("tar");
        let listed =
            process::output(list.args(["--list", "--file"]).arg(one.join("cache_pg-0.1.0-source.tar.gz"))).unwrap();
        assert!(listed.lines().any(|line| line == "cache_pg-0.1.0/Cargo.toml"), "{listed}");
    }

    #[test]
    fn every_artefact_has_a_checksum_and_the_notes_have_none() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.deb"), "a").unwrap();
        fs::write(dir.path().join("b.zip"), "bc").unwrap();
        let listed = finish(dir.path(), "- New.").unwrap();
        assert!(listed.contains("         2  b.zip\n") && listed.contains(SUMS) && listed.contains(NOTES), "{listed}");
        let sums = fs::read_to_string(dir.path().join(SUMS)).unwrap();
        assert_eq!(sums.lines().map(|line| &line[66..]).collect::<Vec<_>>(), ["a.deb", "b.zip"]);
        let mut check = Command::new("sha256sum");
        process::output(check.args(["--check", "--strict", SUMS]).current_dir(dir.path())).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join(NOTES)).unwrap(), "- New.\n");
    }
}
