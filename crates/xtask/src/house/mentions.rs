//! Owns the rule for files that the documents of developers name: each is there.
//!
//! A file is named in backticks, by as much of the end of its path as the document likes. Must never judge what a
//! document says of a file.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::files;
use crate::paths;

/// The documents.
const DOCUMENTS: [&str; 2] = ["DESIGN.md", "CONTRIBUTING.md"];
/// Where the files are that they name, besides those at the top of the project.
const DIRECTORIES: [&str; 5] = ["src", "sql", "crates", "benches", "tests"];
/// How the name of such a file ends.
const ENDINGS: [&str; 2] = [".rs", ".sql"];

/// Looks at every document.
///
/// # Errors
/// When one names a file that is not there; all such names are listed.
pub fn check() -> Result<()> {
    let project = paths::project();
    let files = tree(project)?;
    let mut faults = Vec::new();
    for document in DOCUMENTS {
        faults.extend(self::faults(document, &fs::read_to_string(project.join(document))?, &files));
    }
    if faults.is_empty() { Ok(()) } else { bail!("{}", faults.join("\n")) }
}

/// The path of each file, from the root of the project.
fn tree(project: &Path) -> Result<Vec<String>> {
    let mut found = vec![project.join("build.rs")];
    for directory in DIRECTORIES {
        found.extend(files::under(&project.join(directory), "")?);
    }
    Ok(found.iter().map(|file| file.strip_prefix(project).unwrap_or(file).display().to_string()).collect())
}

/// The names in `text` that are the end of no path in `files`.
fn faults(document: &str, text: &str, files: &[String]) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for name in line.split('`').skip(1).step_by(2).filter(|name| is_file(name)) {
            let is_there =
                |file: &String| file.strip_suffix(name).is_some_and(|dir| dir.is_empty() || dir.ends_with('/'));
            if !files.iter().any(is_there) {
                faults.push(format!("{document}:{}: names {name}, and there is no such file", number + 1));
            }
        }
    }
    faults
}

/// Whether a code span names one file: a command has spaces, a pattern a star, and an ending alone names none.
fn is_file(span: &str) -> bool {
    let is_name = |it: char| it.is_ascii_alphanumeric() || "/_-.".contains(it);
    ENDINGS.iter().any(|ending| span.ends_with(ending) && span.len() > ending.len()) && span.chars().all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        faults("DESIGN.md", text, &["src/heap/mod.rs".to_owned(), "sql/statements/get.sql".to_owned()])
    }

    #[test]
    fn a_file_may_be_named_by_the_end_of_its_path() {
        assert!(of("`src/heap/mod.rs`, `heap/mod.rs` or `mod.rs`, and `get.sql`").is_empty());
    }

    #[test]
    fn a_file_that_is_not_there_breaks_the_rule() {
        assert_eq!(of("x\n`heap/gone.rs`"), ["DESIGN.md:2: names heap/gone.rs, and there is no such file"]);
        assert_eq!(of("`ap/mod.rs` and `set.sql`").len(), 2);
    }

    #[test]
    fn a_pattern_a_command_and_an_ending_name_no_file() {
        assert!(of("`sql/*.sql`, `cat gone.rs`, `.sql`, and gone.rs without backticks").is_empty());
    }

    #[test]
    fn the_documents_keep_the_rule() {
        check().unwrap();
    }
}
