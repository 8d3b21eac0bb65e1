//! Owns what is checked: the parts of the project (the extension, each crate, the benchmark) and the rules for each.
//!
//! Must never print, nor stop at the first fault.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::graph::{Graph, Text};
use super::{circles, head, layers};
use crate::paths;

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
    for entry in fs::read_dir(root.join("crates"))? {
        dirs.push(entry?.path());
    }
    dirs[1..].sort();
    dirs.push(root.join("benches"));
    dirs.iter().map(|dir| Part::read(root, dir)).collect()
}

impl Part {
    fn read(root: &Path, dir: &Path) -> Result<Self> {
        let src = dir.join("src");
        let manifest = fs::read_to_string(dir.join("Cargo.toml"))?;
        let package = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        let mut texts = Vec::new();
        for file in under(&src, "rs")? {
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
        faults.extend(self.circles(false).iter().map(|circle| self.described(circle, false)));
        faults.extend(self.circles_of_folders());
        faults.extend(self.layers.iter().flat_map(|rows| layers::faults(rows, &self.graph)));
        faults
    }

    /// The circles of files. `strictly`: a module that merely passes on what its folder defines counts as a user of it.
    pub fn circles(&self, strictly: bool) -> Vec<Vec<usize>> {
        circles::find(&self.arrows(strictly))
    }

    fn arrows(&self, strictly: bool) -> BTreeSet<(usize, usize)> {
        let counts = |passes_on: bool| strictly || !passes_on;
        self.graph.arrows.iter().filter(|(_, arrow)| counts(arrow.passes_on)).map(|(&pair, _)| pair).collect()
    }

    /// The members of a circle of files, and one way round with the lines that make it.
    pub fn described(&self, circle: &[usize], strictly: bool) -> String {
        let files = &self.graph.files;
        let members: Vec<_> = circle.iter().map(|&file| files[file].name.as_str()).collect();
        let way = circles::way_round(&self.arrows(strictly), circle);
        let step = |pair: &[usize]| {
            let arrow = &self.graph.arrows[&(pair[0], pair[1])];
            format!("{}:{} ({})", files[pair[0]].name, arrow.line, arrow.module)
        };
        let way: Vec<_> = way.windows(2).map(step).collect();
        format!("circle of {} files: {}; one way round: {}", circle.len(), members.join(", "), way.join(" → "))
    }

    /// The circles of modules at the top of the crate.
    fn circles_of_folders(&self) -> Vec<String> {
        let top = |file: usize| self.graph.files[file].module.first().map(String::as_str);
        let tops: Vec<_> = (0..self.graph.files.len()).filter_map(top).collect::<BTreeSet<_>>().into_iter().collect();
        let number = |file: usize| tops.iter().position(|name| Some(*name) == top(file));
        let pairs = self.arrows(true).into_iter().filter_map(|(from, to)| number(from).zip(number(to)));
        let arrows: BTreeSet<_> = pairs.filter(|(from, to)| from != to).collect();
        let names = |some: &[usize]| some.iter().map(|&one| tops[one]).collect::<Vec<_>>();
        let described = |circle: &Vec<usize>| {
            let (members, way) = (names(circle).join(", "), names(&circles::way_round(&arrows, circle)).join(" → "));
            format!("{}: circle of {} folders: {members}; one way round: {way}", self.name, circle.len())
        };
        circles::find(&arrows).iter().map(described).collect()
    }
}

/// Every file below `dir` whose name ends with `extension`, or with anything when that is empty.
///
/// # Errors
/// When the directory cannot be read.
pub fn under(dir: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(under(&path, extension)?);
        } else if extension.is_empty() || path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
