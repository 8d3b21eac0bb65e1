//! The rule for versions of PostgreSQL: only `src/pg/compat` asks for one.
//!
//! Owns the check that no other file of the extension asks for a version, and that the lists of supported versions
//! agree. Must never judge what a version needs.

use std::fs;

use anyhow::{Result, bail};

use crate::{files, paths, postgres::SUPPORTED};

/// The one folder whose files may ask for a version.
const COMPAT: &str = "src/pg/compat/";
/// What it asks with: true for a version and all later ones.
const SINCE: &str = "since_pg";
/// What no file asks with. A list of versions says nothing of the next one.
const LISTS: [&str; 4] = ["feature = \"pg", "PG_VERSION", "PG_MAJORVERSION", "server_version"];

/// Looks at every file of the extension and at `Cargo.toml`.
///
/// # Errors
/// When one breaks the rule; all that do are named.
pub fn check() -> Result<()> {
    let project = paths::project();
    let mut faults = Vec::new();
    for dir in ["src", "sql"] {
        for file in files::under(&project.join(dir), "")? {
            let name = file.strip_prefix(project).unwrap_or(&file).display().to_string();
            faults.extend(of(&name, &fs::read_to_string(&file)?));
        }
    }
    let manifest = fs::read_to_string(project.join("Cargo.toml"))?;
    let (features, supported) = (features(&manifest), SUPPORTED.collect::<Vec<_>>());
    if features != supported {
        faults.push(format!("Cargo.toml has features for {features:?}, and xtask builds for {supported:?}"));
    }
    for (name, words) in named(SUPPORTED.into_inner()) {
        if !fs::read_to_string(project.join(name))?.contains(&words) {
            faults.push(format!("{name}: does not say {words:?}, and xtask builds for {supported:?}"));
        }
    }
    if faults.is_empty() { Ok(()) } else { bail!("{}", faults.join("\n")) }
}

/// The faults of one file.
fn of(name: &str, text: &str) -> Vec<String> {
    let is_refused =
        |line: &str| LISTS.iter().any(|it| line.contains(it)) || !name.starts_with(COMPAT) && line.contains(SINCE);
    let lines = text.lines().enumerate().filter(|(_, line)| is_refused(line));
    let rule = format!("asks for a version of PostgreSQL: only {COMPAT} does, and with {SINCE}NN");
    lines.map(|(number, line)| format!("{name}:{}: {rule}: {}", number + 1, line.trim())).collect()
}

/// The major versions that a manifest has a feature for.
fn features(manifest: &str) -> Vec<u16> {
    let major = |line: &str| line.strip_prefix("pg")?.split_once(" = [\"pgrx/pg")?.0.parse().ok();
    manifest.lines().filter_map(major).collect()
}

/// The files that name all supported versions, the first and the last of which are given, and the words for them.
fn named((first, last): (u16, u16)) -> [(&'static str, String); 3] {
    let list: Vec<_> = (first..=last).map(|major| major.to_string()).collect();
    [
        ("README.md", format!("PostgreSQL {first} to {last}")),
        ("SECURITY.md", format!("({first} to {last})")),
        (".github/workflows/ci.yml", format!("pg: [{}]", list.join(", "))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_outside_the_one_folder_breaks_the_rule() {
        for line in ["#[cfg(feature = \"pg18\")]", "#[cfg(since_pg18)]", "if pg_sys::PG_VERSION_NUM > 180000 {"] {
            assert_eq!(of("src/wake.rs", line).len(), 1, "{line}");
        }
        assert!(of("src/wake.rs", "#[cfg(test)]").is_empty());
    }

    #[test]
    fn the_one_folder_asks_for_a_version_and_all_later_ones() {
        let one = "src/pg/compat/tables.rs";
        assert!(of(one, "#[cfg(not(since_pg18))]").is_empty());
        assert_eq!(of(one, "#[cfg(any(feature = \"pg17\", feature = \"pg18\"))]").len(), 1);
    }

    #[test]
    fn the_versions_of_a_manifest_are_its_features() {
        assert_eq!(features("default = [\"pg18\"]\npg15 = [\"pgrx/pg15\"]\npg18 = [\"pgrx/pg18\"]\n"), [15, 18]);
    }

    #[test]
    fn the_words_for_the_supported_versions_follow_from_them() {
        let words = named((15, 17)).map(|(_, words)| words);
        assert_eq!(words, ["PostgreSQL 15 to 17", "(15 to 17)", "pg: [15, 16, 17]"]);
    }

    #[test]
    fn the_extension_keeps_the_rule() {
        check().unwrap();
    }
}
