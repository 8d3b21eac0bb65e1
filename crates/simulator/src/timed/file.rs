//! Owns the format of a public trace with times, once it is converted: a line for each demand, with the second and the
//! key, in any order.
//!
//! Must never fetch anything.

use super::demand::{Demand, Timed};
use anyhow::{Context, Result};
use std::{collections::HashMap, fs, path::Path};

const SECONDS_OF_A_DAY: i64 = 86_400;

/// The trace in a file, named after it.
pub fn read(path: &Path) -> Result<Timed> {
    let name = path.file_stem().context("the file of a trace has no name")?.to_string_lossy();
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(Timed::new(&name, lines(&text)?, Vec::new()))
}

/// The demands of the lines. Time starts with the midnight before the first.
fn lines(text: &str) -> Result<Vec<Demand>> {
    let parsed = text.lines().map(|line| {
        let mut words = line.split_whitespace();
        let second = words.next().and_then(|word| word.parse::<i64>().ok());
        second.zip(words.next()).with_context(|| format!("not a second and a key: {line:?}"))
    });
    let parsed = parsed.collect::<Result<Vec<(i64, &str)>>>()?;
    let midnight = parsed.iter().map(|&(second, _)| second).min().unwrap_or(0).div_euclid(SECONDS_OF_A_DAY);
    let mut numbers = HashMap::new();
    let demands = parsed.into_iter().map(|(second, key)| {
        let next = numbers.len() as u32;
        let key = *numbers.entry(key).or_insert(next);
        Demand { second: (second - midnight * SECONDS_OF_A_DAY) as u32, key }
    });
    Ok(demands.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_starts_at_midnight_and_keys_become_numbers() {
        let demands = lines("172805 b\n172800 a\n259200 b\n").unwrap();
        let found: Vec<(u32, u32)> = demands.iter().map(|demand| (demand.second, demand.key)).collect();
        assert_eq!(found, [(5, 0), (0, 1), (86_400, 0)]);
        assert!(lines("x y").is_err() && lines("5").is_err());
    }
}
