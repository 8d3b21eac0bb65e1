//! Owns what is checked: the parts of the project (the extension, each crate, the benchmark) and the rules for each.
//!
//! Must never print, nor stop at the first fault.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, bail};

use super::circles::{self, Circle};
use super::graph::{Graph, Text};
use super::{head, layers};
use crate::{files, paths};

/// A crate of the project.
#[derive(Debug)]
pub struct Part {
    /// Its directory from the root of the project: `src` for the extension.
    pub name: String,
    /// Its files of Rust.
    pub texts: Vec<Text>,
    /// What they import.
    pub graph: Graph,
    /// The rows of the table of layers, where the part has one.
    pub layers: Option<Vec<Vec<String>>>,
}

/// Checks every part.
///
/// # Errors
/// When one breaks a rule; all faults are named.
pub fn check() -> Result<()> {
    let faults: Vec<_> = all(paths::project())?.iter().flat_map(Part::faults).collect();
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    Ok(())
}

/// The parts of the project in the directory `root`.
///
/// # Errors
/// When a file cannot be read or is not valid Rust.
pub fn all(root: &Path) -> Result<Vec<Part>> {
    let mut dirs = vec![root.to_owned()];
    dirs.extend(files::entries(&root.join("crates")));
    dirs.push(root.join("benches"));
    dirs.iter().map(|dir| Part::read(root, dir)).collect()
}

impl Part {
    fn read(root: &Path, dir: &Path) -> Result<Self> {
        let src = dir.join("src");
        let manifest = fs::read_to_string(dir.join("Cargo.toml"))?;
        let package = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        let mut texts = Vec::new();
        for file in files::under(&src, "rs")? {
            let from = |dir: &Path| file.strip_prefix(dir).unwrap_or(&file).display().to_string();
            let content = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            texts.push(Text { name: from(root), inside: from(&src), content });
        }
        let name = if dir == root { &src } else { dir };
        let name = name.strip_prefix(root).unwrap_or(name).display().to_string();
        Self::of(name, &package.unwrap_or_default().replace('-', "_"), texts)
    }

    /// The part `name` with these files. `library` is the name of its crate.
    ///
    /// # Errors
    /// When a file is not valid Rust.
    pub fn of(name: String, library: &str, texts: Vec<Text>) -> Result<Self> {
        let root = texts.iter().find(|text| text.name == "src/lib.rs");
        let layers = root.map(|text| layers::rows(&text.content));
        Ok(Self { name, graph: Graph::read(library, &texts)?, texts, layers })
    }

    /// Every rule that the part breaks.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for text in &self.texts {
            faults.extend(head::faults(&text.content).iter().map(|fault| format!("{}: {fault}", text.name)));
        }
        faults.extend(self.graph.faults.iter().cloned());
        faults.extend(self.circles(false).iter().map(|circle| self.described(circle)));
        faults.extend(self.circles_of_folders());
        faults.extend(self.layers.iter().flat_map(|rows| layers::faults(rows, &self.graph)));
        faults
    }

    /// The circles of files. `strictly`: a module that merely passes on what its folder defines counts as a user of it.
    pub fn circles(&self, strictly: bool) -> Vec<Circle<usize>> {
        circles::find(&self.arrows(strictly))
    }

    fn arrows(&self, strictly: bool) -> BTreeSet<(usize, usize)> {
        let counts = |passes_on: bool| strictly || !passes_on;
        self.graph.arrows.iter().filter(|(_, arrow)| counts(arrow.passes_on)).map(|(&pair, _)| pair).collect()
    }

    /// The members of a circle of files, and one way round with the lines that make it.
    pub fn described(&self, Circle { members, way }: &Circle<usize>) -> String {
        let name = |file: usize| self.graph.files[file].name.as_str();
        let step = |pair: &[usize]| {
            let arrow = &self.graph.arrows[&(pair[0], pair[1])];
            format!("{}:{} ({})", name(pair[0]), arrow.line, arrow.module)
        };
        let (names, way): (Vec<_>, Vec<_>) =
            (members.iter().map(|&file| name(file)).collect(), way.windows(2).map(step).collect());
        format!("circle of {} files: {}; one way round: {}", members.len(), names.join(", "), way.join(" → "))
    }

    /// The circles of modules at the top of the crate.
    fn circles_of_folders(&self) -> Vec<String> {
        let top = |file: usize| self.graph.files[file].module.first().map(String::as_str);
        let pairs = self.arrows(true).into_iter().filter_map(|(from, to)| top(from).zip(top(to)));
        let described = |Circle { members, way }: Circle<&str>| {
            let (number, members, way) = (members.len(), members.join(", "), way.join(" → "));
            format!("{}: circle of {number} folders: {members}; one way round: {way}", self.name)
        };
        circles::find(&pairs.filter(|(from, to)| from != to).collect()).into_iter().map(described).collect()
    }
}
