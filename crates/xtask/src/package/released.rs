//! Owns the released install scripts, `sql/releases/cache_pg--VERSION.sql`, and the rules that they impose.
//!
//! A script stays as it was released: databases have that schema until they are updated. Must never change one whose
//! version has a tag.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, process::Command};

use anyhow::{Context, Result, bail};
use cache_pg_rules::release::numbers;

use super::build::Package;
use super::scripts::{self, DIR, released, versions};
use super::symbols;
use crate::{files, paths, process};

/// Writes the install script of `package` as that of its version, and returns the file.
///
/// # Errors
/// When the version has a tag and its script is another one.
pub fn freeze(package: &Package) -> Result<PathBuf> {
    let file = paths::project().join(DIR).join(format!("cache_pg--{}.sql", package.version));
    let new = fs::read_to_string(install_script(package)?)?;
    let old = fs::read_to_string(&file).ok();
    if old.as_ref().is_some_and(|old| *old != new) && has_tag(&package.version)? {
        bail!("{}: {}", files::name(&file), advice(&package.version));
    }
    fs::create_dir_all(paths::project().join(DIR))?;
    files::put(new.as_bytes(), &file, 0o644)?;
    Ok(file)
}

fn has_tag(version: &str) -> Result<bool> {
    let mut git = Command::new("git");
    git.current_dir(paths::project()).args(["tag", "--list", &format!("v{version}")]);
    Ok(!process::output(&mut git)?.is_empty())
}

fn install_script(package: &Package) -> Result<&Path> {
    let name = format!("cache_pg--{}.sql", package.version);
    let script = package.scripts.iter().find(|script| files::name(script) == name);
    Ok(script.with_context(|| format!("the package has no {name}"))?)
}

fn advice(version: &str) -> String {
    format!(
        "version {version} is released, and its install script may not change. Raise the version in Cargo.toml, and write \
         sql/cache_pg--{version}--NEW.sql, which makes the same changes to an existing schema. Only before the tag \
         v{version} exists: cargo xtask freeze"
    )
}

/// Checks a package: the script of a released version is the released one, and the library fits all released scripts.
///
/// # Errors
/// When it breaks a rule; all faults are named.
pub fn check(package: &Package) -> Result<()> {
    let built = fs::read_to_string(install_script(package)?)?;
    let mut faults = Vec::new();
    let exported = symbols::exported(&fs::read(&package.library)?)?;
    let now = symbols::declared(&built)?;
    for (version, file) in released() {
        let script = fs::read_to_string(&file)?;
        if version == package.version && parts(&script) != parts(&built) {
            faults.push(format!("{}: {}:\n{}", files::name(&file), advice(&version), difference(&script, &built)));
        }
        let then = symbols::declared(&script)?;
        faults.extend(misfits(&then, &now, &exported).map(|fault| format!("{}: {fault}", files::name(&file))));
    }
    if faults.is_empty() { Ok(()) } else { bail!("{}", faults.join("\n")) }
}

/// The paragraphs of a script in order: a function that moved to another file of the sources is the same.
fn parts(script: &str) -> Vec<&str> {
    let mut parts: Vec<_> = script.split("\n\n").map(str::trim).filter(|part| !part.is_empty()).collect();
    parts.sort_unstable();
    parts
}

/// The first lines that only one of two scripts has.
fn difference(old: &str, new: &str) -> String {
    let [old, new] = [old, new].map(|script| script.lines().filter(|line| !line.is_empty()).collect::<BTreeSet<_>>());
    let gone = old.difference(&new).map(|line| format!("  - {line}"));
    gone.chain(new.difference(&old).map(|line| format!("  + {line}"))).take(12).collect::<Vec<_>>().join("\n")
}

/// How the functions of an old script do not fit a library that exports these symbols and has its own script.
fn misfits<'a>(
    then: &'a BTreeMap<String, String>,
    now: &'a BTreeMap<String, String>,
    exported: &'a BTreeSet<String>,
) -> impl Iterator<Item = String> + 'a {
    then.iter().filter_map(|(symbol, signature)| match now.get(symbol) {
        _ if !exported.contains(symbol) => Some(format!("it names {symbol}, which the library does not have any more")),
        Some(other) if other != signature => Some(format!(
            "it names {symbol} with {signature}, and the present script with {other}: give the new function a symbol of \
             its own"
        )),
        _ => None,
    })
}

/// Checks that every released version has an upgrade path to the present one, and that all names have versions.
///
/// # Errors
/// When one has none; all faults are named.
pub fn check_paths() -> Result<()> {
    let released: Vec<_> = released().into_iter().map(|(version, _)| version).collect();
    let upgrades: Vec<_> = scripts::upgrades().iter().filter_map(|file| versions(file)).collect();
    let faults = path_faults(&released, &upgrades, &scripts::version()?);
    if faults.is_empty() { Ok(()) } else { bail!("{}", faults.join("\n")) }
}

fn path_faults(released: &[String], upgrades: &[Vec<String>], present: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for version in released.iter().map(String::as_str).chain(upgrades.iter().flatten().map(String::as_str)) {
        match (numbers(version), numbers(present)) {
            (None, _) => faults.push(format!("{version} is not a version: a script needs three numbers")),
            (it, present) if it > present => faults.push(format!("{version} is newer than the library")),
            _ => {}
        }
    }
    // From the present version backwards, over all scripts.
    let mut reached = BTreeSet::from([present]);
    while let Some(next) = upgrades.iter().find_map(|upgrade| match upgrade.as_slice() {
        [from, to] if reached.contains(to.as_str()) && !reached.contains(from.as_str()) => Some(from.as_str()),
        _ => None,
    }) {
        reached.insert(next);
    }
    let stranded = released.iter().filter(|version| !reached.contains(version.as_str()));
    faults.extend(stranded.map(|from| {
        format!(
            "version {from} is released and has no upgrade path to {present}: write sql/cache_pg--{from}--{present}.sql"
        )
    }));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn every_release_needs_a_path_to_the_present_version() {
        let released = all(&["0.1.0", "0.2.0", "0.3.0"]);
        let upgrades = [all(&["0.1.0", "0.2.0"]), all(&["0.2.0", "0.3.0"])];
        assert!(path_faults(&released, &upgrades, "0.3.0").is_empty());
        assert_eq!(path_faults(&released, &upgrades, "0.4.0").len(), 3);
        assert_eq!(path_faults(&released, &upgrades[1..], "0.3.0").len(), 1);
        assert_eq!(path_faults(&all(&["next"]), &[], "0.3.0").len(), 2);
        assert_eq!(path_faults(&released, &upgrades, "0.2.0").len(), 3, "two names are newer, and one is stranded");
    }

    #[test]
    fn an_old_script_fits_the_library_only_with_its_symbols_and_their_arguments() {
        let script = |args: &str| BTreeMap::from([("get".to_owned(), args.to_owned())]);
        let exported = BTreeSet::from(["get".to_owned()]);
        assert_eq!(misfits(&script("a"), &script("a"), &exported).count(), 0);
        assert_eq!(misfits(&script("a"), &BTreeMap::new(), &exported).count(), 0, "the function is no longer declared");
        assert_eq!(misfits(&script("a"), &script("b"), &exported).count(), 1);
        assert_eq!(misfits(&script("a"), &script("a"), &BTreeSet::new()).count(), 1);
    }

    #[test]
    fn the_order_of_functions_makes_no_difference() {
        assert_eq!(parts("a;\n\nb;\n"), parts("b;\n\na;"));
        assert_ne!(parts("a;\n\nb;"), parts("a;\n\nc;"));
        assert_eq!(difference("a;\n\nb;", "a;\n\nc;"), "  - b;\n  + c;");
    }

    #[test]
    fn the_scripts_keep_the_rule() {
        check_paths().unwrap();
    }
}
