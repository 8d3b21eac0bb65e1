//! Owns where the report goes.
//!
//! Must never change anything in a document but what stands between its two marks.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{markdown, plot::plot};
use crate::results::Results;

const BEGIN: &str = "<!-- benchmark: written by make bench DOCS=1 -->\n";
const END: &str = "<!-- benchmark: end -->\n";

/// Writes `benchmark.md` and `benchmark.svg` into a directory.
///
/// # Errors
/// When they cannot be written.
pub fn to(dir: &Path, results: &Results) -> Result<()> {
    fs::create_dir_all(dir)?;
    let put = |name: &str, text: String| {
        let file = dir.join(name);
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    };
    put("benchmark.md", markdown::document(results))?;
    put("benchmark.svg", plot(results))
}

/// Writes the report into the project's documents, between the marks of the README and of `docs/benchmark.md`. The
/// plot goes with the times.
///
/// # Errors
/// When a document cannot be written, or has no such marks.
pub fn into_docs(project: &Path, results: &Results) -> Result<()> {
    into(&project.join("README.md"), &markdown::readme(results))?;
    into(&project.join("docs/benchmark.md"), &markdown::page(results))?;
    if markdown::times_count(results) {
        fs::write(project.join("docs/benchmark.svg"), plot(results))?;
    }
    Ok(())
}

fn into(document: &Path, part: &str) -> Result<()> {
    let text = fs::read_to_string(document)?;
    let new = between(&text, part).with_context(|| format!("{} has no marks for the benchmark", document.display()))?;
    Ok(fs::write(document, new)?)
}

fn between(text: &str, part: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{part}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = format!("before\n{BEGIN}old\n{END}after\n");
        assert_eq!(between(&text, "new\n").unwrap(), format!("before\n{BEGIN}\nnew\n\n{END}after\n"));
        let again = between(&between(&text, "new\n").unwrap(), "newer\n").unwrap();
        assert_eq!(again, format!("before\n{BEGIN}\nnewer\n\n{END}after\n"));
        assert!(between("no marks", "new").is_none());
    }
}
