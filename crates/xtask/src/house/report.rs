//! Owns what `cargo xtask house` prints: the size of each part, its circles, and its imports against the layers.
//!
//! Must never fail because of what it prints; that is the lint's task.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::Result;

use super::{layers, parts};
use crate::{files, paths};

/// Prints the figures of every part of the project in `root` (of this one when there is none), then what the lint has
/// against it, then the circles that only a stricter reading shows: one in which a module uses what it merely passes on
/// from its own folder.
///
/// An arrow up is a pair of modules, one of which uses the other against the table of layers; in parentheses is the
/// number of pairs of files.
///
/// # Errors
/// When a file cannot be read or is not valid Rust.
pub fn print(root: Option<&Path>) -> Result<()> {
    let root = root.unwrap_or(paths::project());
    let parts = parts::all(root)?;
    println!(
        "{:<18}{:>7}{:>8}{:>9}{:>18}{:>20}",
        "part", "files", "lines", "circles", "files in circles", "arrows up (files)"
    );
    for part in &parts {
        let circles = part.circles(false);
        let in_circles: usize = circles.iter().map(|circle| circle.members.len()).sum();
        let lines: usize = part.texts.iter().map(|text| text.content.lines().count()).sum();
        let up = part.layers.as_ref().map_or("-".to_owned(), |rows| {
            let pairs = layers::against(rows, &part.graph);
            let module = |file: usize| part.graph.files[file].module.first();
            let modules: BTreeSet<_> = pairs.iter().map(|&(from, to)| (module(from), module(to))).collect();
            format!("{} ({})", modules.len(), pairs.len())
        });
        println!("{:<18}{:>7}{lines:>8}{:>9}{in_circles:>18}{up:>20}", part.name, part.texts.len(), circles.len());
    }
    for dir in ["tests", "sql"] {
        let (files, lines) = size(&root.join(dir))?;
        println!("{dir:<18}{files:>7}{lines:>8}");
    }
    for part in &parts {
        part.faults().iter().for_each(|fault| println!("\n{fault}"));
        let circles = part.circles(false);
        let strict = part.circles(true).into_iter().filter(|circle| !circles.contains(circle));
        strict.for_each(|circle| println!("\nwhere a re-export counts as a use: {}", part.described(&circle)));
    }
    Ok(())
}

/// The files below `dir` and their lines, without what golden tests must print.
fn size(dir: &Path) -> Result<(usize, usize)> {
    let mut files = files::under(dir, "")?;
    files.retain(|file| !file.iter().any(|name| name == "expected"));
    let texts = files.iter().filter_map(|file| fs::read_to_string(file).ok());
    Ok((files.len(), texts.map(|text| text.lines().count()).sum()))
}
