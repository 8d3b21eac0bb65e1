//! Owns the finding of the crates that are linked into the extension.
//!
//! Must never judge their licences.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;

/// The metadata of all crates, from cargo.
#[derive(Deserialize)]
pub(super) struct Metadata {
    packages: Vec<Crate>,
    resolve: Resolve,
}

/// One crate.
#[derive(Deserialize)]
pub(super) struct Crate {
    pub id: String,
    pub name: String,
    pub version: String,
    /// None if it is a crate of this project.
    pub source: Option<String>,
    /// An expression of SPDX.
    pub license: Option<String>,
    pub authors: Vec<String>,
    pub manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    root: String,
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

impl Metadata {
    /// The crates of the extension for `major`, on the platform that cargo builds for.
    ///
    /// # Errors
    /// When cargo does not know them.
    pub fn read(major: u16) -> Result<Self> {
        let printed = process::output(process::cargo("--version").arg("--verbose"))?;
        let host = printed.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.context("cargo does not say what it builds for")?;
        let mut command = process::cargo("metadata");
        command.args(["--format-version=1", "--no-default-features", "--filter-platform", host]);
        let printed = process::output(command.arg(format!("--features=pg{major}")))?;
        serde_json::from_str(&printed).context("cannot read what cargo metadata prints")
    }

    /// The extension itself.
    pub fn root(&self) -> &str {
        &self.resolve.root
    }
}

/// The crates whose code is in the library, the extension first: no build scripts, and no macros.
pub(super) fn linked(metadata: &Metadata) -> Vec<&Crate> {
    let crates: HashMap<_, _> = metadata.packages.iter().map(|it| (it.id.as_str(), it)).collect();
    let nodes: HashMap<_, _> = metadata.resolve.nodes.iter().map(|it| (it.id.as_str(), it)).collect();
    let mut seen = BTreeSet::new();
    let mut open = vec![metadata.root()];
    while let Some(id) = open.pop() {
        let is_macro = |it: &Crate| it.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "proc-macro"));
        if crates.get(id).is_none_or(|it| is_macro(it)) || !seen.insert(id) {
            continue;
        }
        let dependencies = nodes.get(id).into_iter().flat_map(|node| &node.deps);
        let is_linked = |it: &&Dependency| it.dep_kinds.iter().any(|kind| kind.kind.is_none());
        open.extend(dependencies.filter(is_linked).map(|it| it.pkg.as_str()));
    }
    let mut linked: Vec<_> = seen.iter().filter_map(|id| crates.get(id).copied()).collect();
    linked.sort_by_key(|it| (it.id != metadata.root(), &it.name, &it.version));
    linked
}

/// An extension with a crate of this licence that is linked in, and with others that are not.
#[cfg(test)]
pub(super) fn example(licence: &str) -> Metadata {
    let package = |name: &str, licence: &str, kind: &str| {
        format!(
            r#"{{"id": "{name}", "name": "{name}", "version": "1.0.0", "source": "registry", "license": "{licence}", "authors": ["{name}'s"],
            "manifest_path": "/{name}/Cargo.toml", "targets": [{{"kind": ["{kind}"]}}]}}"#
        )
    };
    let needs = |name: &str, kind: &str| format!(r#"{{"pkg": "{name}", "dep_kinds": [{{"kind": {kind}}}]}}"#);
    let packages = [
        package("own", "PostgreSQL", "cdylib"),
        package("linked", licence, "lib"),
        package("macros", "unknown", "proc-macro"),
        package("builds", "unknown", "lib"),
        package("elsewhere", "unknown", "lib"),
    ];
    let needed = [needs("linked", "null"), needs("macros", "null"), needs("builds", "\"build\"")];
    let text = format!(
        r#"{{"packages": [{}], "resolve": {{"root": "own", "nodes": [{{"id": "own", "deps": [{}]}}]}}}}"#,
        packages.join(","),
        needed.join(",")
    );
    serde_json::from_str(&text).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_scripts_and_macros_are_not_linked_in() {
        let example = example("MIT");
        let names: Vec<_> = linked(&example).iter().map(|it| it.name.clone()).collect();
        assert_eq!(names, ["own", "linked"]);
    }
}
