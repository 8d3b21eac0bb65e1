//! The rules of the house that no compiler knows: how long a file is, and that it begins with what it owns.
//!
//! Must never judge the wording.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::paths;

/// So many lines a file of `src` may have.
const LINES: usize = 250;
/// And so many columns a comment; rustfmt looks after the rest. Tables have one line for each row.
const COLUMNS: usize = 120;

/// Looks at every file of the extension.
///
/// # Errors
/// When one breaks a rule; all that do are named.
pub fn check() -> Result<()> {
    let mut faults = Vec::new();
    for file in under(&paths::project().join("src"))? {
        let text = fs::read_to_string(&file)?;
        faults.extend(of(&text).into_iter().map(|fault| format!("{}: {fault}", name(&file))));
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    Ok(())
}

/// Every file below `dir`.
fn under(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() { files.extend(under(&path)?) } else { files.push(path) }
    }
    files.sort();
    Ok(files)
}

fn name(file: &Path) -> String {
    file.strip_prefix(paths::project()).unwrap_or(file).display().to_string()
}

fn of(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//! ") {
        faults.push("does not begin with what it owns".to_owned());
    }
    if text.lines().count() > LINES {
        faults.push(format!("has {} lines, more than {LINES}", text.lines().count()));
    }
    for (number, line) in text.lines().enumerate() {
        let is_comment = line.trim_start().starts_with("//") && !line.starts_with("//! |");
        if is_comment && line.chars().count() > COLUMNS {
            faults.push(format!("line {} has {} columns, more than {COLUMNS}", number + 1, line.chars().count()));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_long_or_says_nothing_of_itself_breaks_the_rules() {
        assert!(of("//! What it owns.\n\nfn main() {}\n").is_empty());
        assert_eq!(of("fn main() {}\n"), ["does not begin with what it owns"]);
        let long = format!("//! What it owns.\n{}", "\n".repeat(LINES));
        assert_eq!(of(&long), [format!("has {} lines, more than {LINES}", LINES + 1)]);
    }

    #[test]
    fn a_comment_that_is_too_wide_breaks_the_rules_and_a_table_does_not() {
        let wide = "x".repeat(COLUMNS);
        assert_eq!(of(&format!("//! What it owns.\n// {wide}\n")), ["line 2 has 123 columns, more than 120"]);
        assert!(of(&format!("//! What it owns.\n//! | {wide} |\n")).is_empty());
    }
}
