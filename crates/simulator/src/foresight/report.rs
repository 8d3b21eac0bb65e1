//! Owns `docs/foreseen-demand.md`: how the outcomes become tables, and the verdict.
//!
//! The text around the tables stands in `frame.md`. Must never hold a figure that was not just measured.

use super::compare::{BOUNDS, Cell, TTLS, cells};
use super::replay::Outcome;
use super::rule::{RULES, SLOTS};
use crate::timed::{PATTERNED, Timed};
use std::fmt::Write;

const FRAME: &str = include_str!("frame.md");
/// The share of the cold misses that a rule must avoid.
const ENOUGH: f64 = 1.0 / 3.0;
/// Useless loads for each useful one that it may need.
const AT_MOST: f64 = 1.0;
/// The ttls in the table of all cells.
const SHOWN: [u32; 2] = [15, 60];
/// The patterned trace that has the most noise, and the rule that is also judged without it.
const NOISY: (&str, &str) = ("noisy", "habits");

/// Replays the traces and returns the document. The first [`PATTERNED`] of `generated` have patterns of their own.
pub fn document(generated: &[Timed], public: &[Timed]) -> String {
    let traces: Vec<Timed> = generated.iter().chain(public).cloned().collect();
    let cells = cells(&traces);
    let patterned = &cells[..PATTERNED.min(generated.len())];
    FRAME
        .replace("{verdict}", &verdict(patterned))
        .replace("{summary}", summary(generated, patterned).trim_end())
        .replace("{cells}", table(&traces, &cells).trim_end())
        .replace("{slots}", &SLOTS.to_string())
}

fn names() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|(name, _)| *name).chain(BOUNDS)
}

/// The mean share of avoided cold misses over these cells, and the useless loads for each useful one in all of them.
fn over<'a>(cells: impl Iterator<Item = &'a Cell> + Clone, at: usize) -> (f64, f64) {
    let mean = cells.clone().map(|cell| cell.avoided(at)).sum::<f64>() / cells.clone().count().max(1) as f64;
    let sum = cells.fold(Outcome::default(), |sum, cell| sum.plus(cell.foreseen[at]));
    (mean, ratio(sum))
}

fn ratio(outcome: Outcome) -> f64 {
    outcome.useless as f64 / outcome.useful.max(1) as f64
}

fn passes((avoided, ratio): (f64, f64)) -> bool {
    avoided >= ENOUGH && ratio <= AT_MOST
}

/// The names of the rules that pass over all patterned cells.
fn verdict(patterned: &[Vec<Cell>]) -> String {
    let passing = (0..RULES.len()).filter(|&at| passes(over(patterned.iter().flatten(), at)));
    let names: Vec<&str> = passing.map(|at| RULES[at].0).collect();
    if names.is_empty() { "No rule passes.".to_owned() } else { format!("These rules pass: {}.", names.join(", ")) }
}

/// A share in percent and a ratio, marked where they pass.
fn pair(found: (f64, f64)) -> String {
    let (avoided, ratio) = found;
    let text = format!("{:.0} / {ratio:.1}", avoided * 100.0);
    if passes(found) { format!("**{text}**") } else { text }
}

fn summary(traces: &[Timed], patterned: &[Vec<Cell>]) -> String {
    let ttls = TTLS.map(|ttl| format!("{ttl} min"));
    let mut text =
        format!("| rule | memory | {} | all |\n|---|---:|{}\n", ttls.join(" | "), "---:|".repeat(TTLS.len() + 1));
    for (at, name) in names().enumerate() {
        text += &row(name, at, patterned);
        if name == NOISY.1 {
            let calm = traces.iter().zip(patterned).filter(|(trace, _)| trace.name != NOISY.0);
            let calm: Vec<Vec<Cell>> = calm.map(|(_, cells)| cells.clone()).collect();
            text += &row(&format!("{name}, without `{}`", NOISY.0), at, &calm);
        }
    }
    text
}

fn row(name: &str, at: usize, patterned: &[Vec<Cell>]) -> String {
    let bytes = patterned.iter().flatten().map(|cell| cell.foreseen[at].bytes).max().unwrap_or(0);
    let memory = if bytes == 0 { "–".to_owned() } else { bytes.to_string() };
    let by_ttl = (0..TTLS.len()).map(|ttl| pair(over(patterned.iter().map(|cells| &cells[ttl]), at)));
    let by_ttl = by_ttl.collect::<Vec<_>>().join(" | ");
    format!("| {name} | {memory} | {by_ttl} | {} |\n", pair(over(patterned.iter().flatten(), at)))
}

fn table(traces: &[Timed], cells: &[Vec<Cell>]) -> String {
    let mut text =
        format!("| trace | ttl | first | cold | with refresh | {} |\n", names().collect::<Vec<_>>().join(" | "));
    _ = writeln!(text, "|---|---:|---:|---:|---:|{}", "---:|".repeat(names().count()));
    for (trace, cells) in traces.iter().zip(cells) {
        for (ttl, cell) in TTLS.iter().zip(cells).filter(|(ttl, _)| SHOWN.contains(ttl)) {
            let (first, cold, refresh) = (cell.nothing.first, cell.nothing.cold, cell.refresh.cold);
            let pairs = (0..cell.foreseen.len()).map(|at| pair((cell.avoided(at), ratio(cell.foreseen[at]))));
            let pairs = pairs.collect::<Vec<_>>().join(" | ");
            _ = writeln!(text, "| {} | {ttl} | {first} | {cold} | {refresh} | {pairs} |", trace.name);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timed::{DAY, Demand};

    fn regular() -> Timed {
        let demands = (0..42).map(|day| Demand { second: (day * DAY + 560) * 60, key: 0 });
        Timed::new("regular", demands.collect(), Vec::new())
    }

    #[test]
    fn a_document_has_a_row_for_every_cell_and_no_gap_left() {
        let text = document(&[regular()], &[]);
        assert_eq!(text.matches("| regular |").count(), SHOWN.len());
        assert!(names().all(|name| text.contains(&format!("| {name} |"))) && !text.contains('{'));
        assert!(text.contains("These rules pass") && text.contains("habits"), "{text}");
    }

    #[test]
    fn to_pass_takes_a_third_and_no_more_useless_loads_than_useful_ones() {
        assert!(passes((0.34, 1.0)) && !passes((0.33, 0.1)) && !passes((0.9, 1.1)));
        let of = |cold, useful, useless| Cell {
            refresh: Outcome { cold: 100, ..Outcome::default() },
            foreseen: vec![Outcome { cold, useful, useless, ..Outcome::default() }],
            ..Cell::default()
        };
        assert_eq!(over([of(50, 40, 10), of(100, 0, 20)].iter(), 0), (0.25, 0.75));
    }
}
