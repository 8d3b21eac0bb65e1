//! Owns the formats of public traces, once unpacked: lines of text (`.txt`: a key, and a size in bytes where there is
//! one), and big-endian numbers of 32 or 64 bits (`.u32`, `.u64`).
//!
//! Must never fetch anything.

use super::requests::Trace;
use anyhow::{Context, Result, bail};
use std::{collections::HashMap, fs, path::Path};

/// How many requests of a trace are read at most.
const MOST: usize = 500_000;

/// The trace in a file, named after it.
pub fn read(path: &Path) -> Result<Trace> {
    let name = path.file_stem().context("the file of a trace has no name")?.to_string_lossy();
    let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let requests = match path.extension().and_then(|extension| extension.to_str()) {
        Some("txt") => lines(&String::from_utf8_lossy(&bytes)),
        Some("u32") => numbers::<4>(&bytes),
        Some("u64") => numbers::<8>(&bytes),
        _ => bail!("{} does not end with .txt, .u32 or .u64", path.display()),
    };
    Ok(Trace::new(&name, requests.into_iter().take(MOST)))
}

/// One key a line, in any form, with or without a size. An empty line or `*` is skipped.
fn lines(text: &str) -> Vec<(u64, u32)> {
    let mut numbers = HashMap::new();
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let key = words.next().filter(|&key| key != "*")?;
            let next = numbers.len() as u64;
            let weight = words.next().and_then(|size| size.parse().ok()).unwrap_or(1);
            Some((*numbers.entry(key).or_insert(next), weight))
        })
        .collect()
}

fn numbers<const BYTES: usize>(bytes: &[u8]) -> Vec<(u64, u32)> {
    let number = |bytes: &[u8; BYTES]| bytes.iter().fold(0, |number, &byte| (number << 8) | u64::from(byte));
    bytes.as_chunks().0.iter().map(|bytes| (number(bytes), 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_a_key_and_perhaps_a_size() {
        assert_eq!(lines("7 20\r\n*\na\n\n7 20\n"), [(0, 20), (1, 1), (0, 20)]);
    }

    #[test]
    fn numbers_are_big_endian() {
        assert_eq!(numbers::<4>(&[0, 0, 1, 2, 0, 0, 0, 3, 9]), [(258, 1), (3, 1)]);
    }
}
