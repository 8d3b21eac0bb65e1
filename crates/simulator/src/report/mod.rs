//! Owns `docs/eviction.md`: which contenders are replayed for it, and how their outcomes become tables.
//!
//! The text around the tables stands in `frame.md`. Must never hold a figure that was not just measured.

mod summary;

use crate::run::{Contender, Outcome, SIZES, replay_all};
use crate::{heap::Parts, policy::YARDSTICKS, trace::Trace};
use cache_pg_rules::eviction::BYTES_AN_ENTRY;
use std::fmt::Write;
use summary::Summary;

const FRAME: &str = include_str!("frame.md");

/// The policy with parts left out, by what remains.
const PARTS: [(&str, Parts); 11] = [
    ("all", Parts::ALL),
    ("one bit, no marks: CLOCK", Parts { fixed: Some(1), marks: false, ..Parts::ALL }),
    ("one bit, and marks", Parts { fixed: Some(1), ..Parts::ALL }),
    ("level always 3, no marks", Parts { fixed: Some(3), marks: false, ..Parts::ALL }),
    ("level always 3", Parts { fixed: Some(3), ..Parts::ALL }),
    ("level always 15", Parts { fixed: Some(15), ..Parts::ALL }),
    ("no marks", Parts { marks: false, ..Parts::ALL }),
    ("sizes not considered", Parts { sizes: false, ..Parts::ALL }),
    ("2 bytes for each entry", Parts { bytes_an_entry: 2, ..Parts::ALL }),
    ("4 bytes for each entry", Parts { bytes_an_entry: 4, ..Parts::ALL }),
    ("16 bytes for each entry", Parts { bytes_an_entry: 16, ..Parts::ALL }),
];
/// The place of cache_pg among the contenders: after the yardsticks.
const OURS: usize = YARDSTICKS.len();

/// Replays the traces through all contenders and returns the document. `public` may be empty.
pub fn document(generated: &[Trace], public: &[Trace]) -> String {
    let traces: Vec<Trace> = generated.iter().chain(public).cloned().collect();
    let yardsticks = YARDSTICKS.map(|(_, make)| Contender::Yardstick(make));
    let parts = PARTS.map(|(_, parts)| Contender::Ours(parts));
    let outcomes = replay_all(&traces, &[yardsticks.as_slice(), &parts].concat());
    let (of_generated, of_public) = outcomes.split_at(generated.len());
    let public_table =
        if public.is_empty() { "No public trace was available.\n".to_owned() } else { table(public, of_public) };
    FRAME
        .replace("{summary}", summaries(&outcomes, of_generated, of_public).trim_end())
        .replace("{under}", &under(&traces, &outcomes))
        .replace("{parts}", &worth(&outcomes))
        .replace("{generated}", &table(generated, of_generated))
        .replace("{public}", &public_table)
        .replace("{bytes}", &BYTES_AN_ENTRY.to_string())
}

fn names() -> impl Iterator<Item = &'static str> {
    YARDSTICKS.iter().map(|(name, _)| *name).chain(["cache_pg"])
}

/// The means over the cells of all traces, of the generated ones and of the public ones.
fn summaries(all: &[Vec<Vec<Outcome>>], generated: &[Vec<Vec<Outcome>>], public: &[Vec<Vec<Outcome>>]) -> String {
    let mut text = "| policy | mean hits | of moka | of W-TinyLFU | generated | public | cells under LRU | worst |\n\
        |---|---:|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for (at, name) in names().enumerate() {
        let of = |outcomes: &[Vec<Vec<Outcome>>]| Summary::of(outcomes, at);
        let (all, generated, public) = (of(all), of(generated), of(public));
        _ = writeln!(
            text,
            "| {name} | {:.2} | {:.3} | {:.3} | {:.2} | {:.2} | {} | {:.2} |",
            all.mean, all.of_moka, all.of_w_tiny_lfu, generated.mean, public.mean, all.under_lru, all.worst
        );
    }
    text
}

/// The cells in which cache_pg is clearly worse than LRU.
fn under(traces: &[Trace], outcomes: &[Vec<Vec<Outcome>>]) -> String {
    let cells = traces.iter().zip(outcomes).flat_map(|(trace, rows)| {
        let worse = |row: &&Vec<Outcome>| summary::is_under_lru(row, OURS);
        let name = |at: usize| format!("{} at {} %", trace.name, SIZES[at]);
        let found: Vec<String> = (0..rows.len())
            .filter(|&at| worse(&&rows[at]))
            .map(|at| format!("- {}: {:.2}, LRU {:.2}", name(at), rows[at][OURS].hits, rows[at][summary::LRU].hits))
            .collect();
        found
    });
    let cells: Vec<String> = cells.collect();
    if cells.is_empty() { "- none".to_owned() } else { cells.join("\n") }
}

/// What the parts of the policy are worth.
fn worth(outcomes: &[Vec<Vec<Outcome>>]) -> String {
    let mut text =
        "| parts in use | mean hits | cells under LRU | worst | visits per request |\n|---|---:|---:|---:|---:|\n"
            .to_owned();
    for (at, (name, _)) in PARTS.iter().enumerate() {
        let summary = Summary::of(outcomes, OURS + at);
        let Summary { mean, under_lru, worst, judged, .. } = summary;
        _ = writeln!(text, "| {name} | {mean:.2} | {under_lru} | {worst:.2} | {judged:.2} |");
    }
    text
}

/// The hits of every cell.
fn table(traces: &[Trace], outcomes: &[Vec<Vec<Outcome>>]) -> String {
    let mut text = format!("| trace | cache | {} |\n", names().collect::<Vec<_>>().join(" | "));
    _ = writeln!(text, "|---|---:|{}", "---:|".repeat(OURS + 1));
    for (trace, rows) in traces.iter().zip(outcomes) {
        for (percent, row) in SIZES.iter().zip(rows) {
            let hits: Vec<String> = row[..=OURS].iter().map(|outcome| format!("{:.2}", outcome.hits)).collect();
            _ = writeln!(text, "| {} | {percent} % | {} |", trace.name, hits.join(" | "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace;
    use std::slice::from_ref;

    #[test]
    fn a_document_has_a_row_for_every_cell_and_no_gap_left() {
        let small = Trace::new("small", trace::zipf(1, 1.0, 1_000, 5_000).into_iter().map(|key| (key, 1)));
        let text = document(from_ref(&small), from_ref(&small));
        assert_eq!(text.matches("| small | ").count(), 2 * SIZES.len());
        assert!(PARTS.iter().all(|(name, _)| text.contains(name)));
        assert!(!text.contains('{') && text.contains("| cache_pg |"));
    }
}
