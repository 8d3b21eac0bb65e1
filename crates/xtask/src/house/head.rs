//! Owns the rules for the text of a file: it begins with what it owns, and is neither too long nor too wide.
//!
//! Must never judge the wording.

/// A file has at most so many lines.
const LINES: usize = 250;
/// A comment has at most so many columns; rustfmt looks after the rest. A table has one line for each row.
const COLUMNS: usize = 120;

/// The rules that `text` breaks.
pub fn faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//! ") {
        faults.push("does not begin with what it owns".to_owned());
    }
    let lines = text.lines().count();
    if lines > LINES {
        faults.push(format!("has {lines} lines, more than {LINES}"));
    }
    for (number, line) in text.lines().enumerate() {
        let is_comment = line.trim_start().starts_with("//") && !line.starts_with("//! |");
        let columns = line.chars().count();
        if is_comment && columns > COLUMNS {
            faults.push(format!("line {} has {columns} columns, more than {COLUMNS}", number + 1));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_long_or_says_nothing_of_itself_breaks_the_rules() {
        assert!(faults("//! What it owns.\n\nfn main() {}\n").is_empty());
        assert_eq!(faults("fn main() {}\n"), ["does not begin with what it owns"]);
        let long = format!("//! What it owns.\n{}", "\n".repeat(LINES));
        assert_eq!(faults(&long), [format!("has {} lines, more than {LINES}", LINES + 1)]);
    }

    #[test]
    fn a_comment_that_is_too_wide_breaks_the_rules_and_a_table_does_not() {
        let wide = "x".repeat(COLUMNS);
        assert_eq!(faults(&format!("//! What it owns.\n// {wide}\n")), ["line 2 has 123 columns, more than 120"]);
        assert!(faults(&format!("//! What it owns.\n//! | {wide} |\n")).is_empty());
    }
}
