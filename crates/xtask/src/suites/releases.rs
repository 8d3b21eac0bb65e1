//! The rule for releases: every manifest of a package has the version of the extension, which is in `Cargo.toml`.
//!
//! Owns the check of these manifests. Must never write a version.

use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::paths;

/// The manifest of the extension, and its part with the version.
const EXTENSION: (&str, &str) = ("Cargo.toml", "[package]");
const PYTHON: (&str, &str) = ("clients/python/pyproject.toml", "[project]");
const NPM: &str = "clients/typescript/package.json";
/// Its places with the version, as JSON pointers. npm writes it into both when it changes the file.
const NPM_LOCK: (&str, [&str; 2]) = ("clients/typescript/package-lock.json", ["/version", "/packages//version"]);

/// The manifest for PGXN, and its places with the version.
const PGXN: (&str, [&str; 2]) = ("META.json", ["/version", "/provides/cache_pg/version"]);

/// The specification for RPM, whose line with the version begins so.
const RPM: (&str, &str) = ("packaging/rpm/cache_pg.spec", "Version:");

/// The version of the extension: the one place that says it.
///
/// # Errors
/// When the manifest has none.
pub fn version() -> Result<String> {
    let (name, part) = EXTENSION;
    in_toml(&fs::read_to_string(paths::project().join(name))?, part).with_context(|| format!("{name} has no version"))
}

/// Compares every manifest with `Cargo.toml`.
///
/// # Errors
/// When one has another version, or none; all that do are named.
pub fn check() -> Result<()> {
    let text = |name: &str| fs::read_to_string(paths::project().join(name)).unwrap_or_default();
    let in_toml = |(name, part)| (name, in_toml(&text(name), part));
    let (_, wanted) = in_toml(EXTENSION);
    let mut found = vec![in_toml(PYTHON), (NPM, in_json(&text(NPM), "/version"))];
    for (name, places) in [NPM_LOCK, PGXN] {
        found.extend(places.map(|place| (name, in_json(&text(name), place))));
    }
    let (spec, tag) = RPM;
    found.push((spec, in_spec(&text(spec), tag)));
    let faults = faults(&wanted, &found);
    if faults.is_empty() { Ok(()) } else { bail!("{}", faults.join("\n")) }
}

fn faults(wanted: &Option<String>, found: &[(&str, Option<String>)]) -> Vec<String> {
    let shown = |version: &Option<String>| version.as_deref().unwrap_or("none").to_owned();
    let differs = |(_, version): &&(&str, Option<String>)| version.is_none() || version != wanted;
    let told = |(name, version): &(&str, Option<String>)| {
        format!("{name}: the version is {}, and that of the extension is {}", shown(version), shown(wanted))
    };
    found.iter().filter(differs).map(told).collect()
}

/// The version in a part of a manifest.
fn in_toml(text: &str, part: &str) -> Option<String> {
    let lines = text.lines().skip_while(|line| *line != part).skip(1).take_while(|line| !line.starts_with('['));
    let version = |line: &str| Some(line.strip_prefix("version = \"")?.strip_suffix('"')?.to_owned());
    lines.into_iter().find_map(version)
}

/// The value of a tag in a specification for RPM.
fn in_spec(text: &str, tag: &str) -> Option<String> {
    text.lines().find_map(|line| line.strip_prefix(tag)).map(|value| value.trim().to_owned())
}

fn in_json(text: &str, pointer: &str) -> Option<String> {
    serde_json::from_str::<Value>(text).ok()?.pointer(pointer)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_part() {
        let text = "[build-system]\nversion = \"9\"\n\n[project]\nname = \"x\"\nversion = \"0.1.0\"\n\n[tool]\nversion = \"8\"\n";
        assert_eq!(in_toml(text, "[project]").as_deref(), Some("0.1.0"));
        assert_eq!(in_spec("Name: x\nVersion:   0.1.0\n", "Version:").as_deref(), Some("0.1.0"));
        assert_eq!(in_toml("[project]\n[tool]\nversion = \"8\"\n", "[project]"), None);
        assert_eq!(
            in_json(r#"{"packages": {"": {"version": "0.1.0"}}}"#, "/packages//version").as_deref(),
            Some("0.1.0")
        );
    }

    #[test]
    fn another_version_and_none_break_the_rule() {
        let version = |text: &str| Some(text.to_owned());
        let found = [("a", version("0.1.0")), ("b", version("0.2.0")), ("c", None)];
        assert_eq!(
            faults(&version("0.1.0"), &found),
            [
                "b: the version is 0.2.0, and that of the extension is 0.1.0",
                "c: the version is none, and that of the extension is 0.1.0"
            ]
        );
        assert_eq!(faults(&None, &[("a", None)]).len(), 1);
    }

    fn meta() -> Value {
        serde_json::from_str(&fs::read_to_string(paths::project().join(PGXN.0)).unwrap()).unwrap()
    }

    #[test]
    fn pgxn_takes_its_manifest_whose_files_are_there() {
        let meta = meta();
        pgxn_meta::valid::Validator::new().validate(&meta).unwrap();
        for file in ["file", "docfile"] {
            let file = meta["provides"]["cache_pg"][file].as_str().unwrap();
            assert!(paths::project().join(file).is_file(), "{file}");
        }
    }

    #[test]
    fn a_manifest_that_pgxn_does_not_take_is_refused() {
        for (pointer, wrong) in [("/version", "0.1"), ("/maintainer", ""), ("/release_status", "finished")] {
            let mut meta = meta();
            *meta.pointer_mut(pointer).unwrap() = Value::from(wrong);
            assert!(pgxn_meta::valid::Validator::new().validate(&meta).is_err(), "{pointer}");
        }
    }

    #[test]
    fn the_packages_keep_the_rule() {
        check().unwrap();
    }
}
