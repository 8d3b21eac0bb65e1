//! What counts as the same output.
//!
//! Times and what is left of them differ from run to run, and with them the width of a column: they are masked,
//! and spaces and rules are counted once. Everything else must be the same.

use anyhow::{Result, bail};
use regex::Regex;

/// What differs from run to run, and what stands for it. An interval without a fraction is somebody's choice and
/// stays.
const MASKS: [(&str, &str); 4] = [
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?[+-]\d\d", "(a time)"),
    (r"\d\d:\d\d:\d\d\.\d+", "(an interval)"),
    (r"-{3,}", "---"),
    (r"[ \t]+", " "),
];

/// Checks that `printed` is what the page says.
///
/// # Errors
/// When it is not; the message has both.
pub fn same(said: &str, printed: &str) -> Result<()> {
    if masked(said)? == masked(printed)? {
        return Ok(());
    }
    bail!("the page says:\n{}\nit prints:\n{}", said.trim_end(), printed.trim_end())
}

fn masked(text: &str) -> Result<String> {
    let mut text = text.to_owned();
    for (pattern, mask) in MASKS {
        text = Regex::new(pattern)?.replace_all(&text, mask).into_owned();
    }
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_widths_may_differ() {
        let said = "     cache_set\n-------------------\n 2026-01-02 03:04:05.678901+00\n(1 row)\n\n";
        let printed = " cache_set\n------------\n 2027-02-03 04:05:06.7+00\n(1 row)\n";
        same(said, printed).unwrap();
        same("00:09:59.998877", "00:09:59.1").unwrap();
    }

    #[test]
    fn values_may_not() {
        assert!(same(" 00:10:00\n", " 00:05:00\n").is_err());
        let error = same("a\n", "b\n").unwrap_err().to_string();
        assert!(error.contains("says:\na\n") && error.contains("prints:\nb"), "{error}");
    }
}
