//! Owns the two tables of a frame: how long operations take, and which namespaces are busy.
//!
//! Must never show a namespace that was busy once before one that is busy now.

use std::cmp::Reverse;

use super::sample::Sample;
use super::text::Text;
use super::units::{bytes, percent, short, time};
use crate::ink::Style;

/// The busiest namespaces that are shown.
pub const SHOWN: usize = 10;

/// How long the operations take.
pub(super) fn latencies(text: &mut Text, now: &Sample) {
    text.heading(&format!("{:<24} {:>10} {:>10} {:>10} {:>10}", "latency", "p50", "p99", "max", "timed"));
    for it in &now.latencies {
        let [p50, p99, max] = [it.p50, it.p99, it.max].map(time);
        let timed = short(it.timed as f64);
        text.line(&format!("{:<24} {p50:>10} {p99:>10} {max:>10} {timed:>10}", it.operation));
    }
}

/// The busiest namespaces that hold something or did something.
pub(super) fn namespaces(text: &mut Text, before: Option<&Sample>, now: &Sample, seconds: Option<f64>) {
    let per = if seconds.is_some() { "/s" } else { "" };
    let [gets, sets, deletes] = ["gets", "sets", "deletes"].map(|name| format!("{name}{per}"));
    text.heading(&format!(
        "{:<24} {gets:>10} {:>10} {sets:>10} {deletes:>10} {:>10} {:>10}",
        "namespace", "hits", "entries", "size"
    ));
    let mut busiest: Vec<_> = now
        .namespaces
        .iter()
        .map(|it| {
            let then = before.and_then(|before| before.namespaces.iter().find(|then| then.name == it.name));
            (it, it.since(then))
        })
        .collect();
    busiest.retain(|(it, done)| done.reads() + done.written() + done.deletes + it.entries > 0);
    busiest.sort_by_key(|(it, done)| Reverse((done.reads() + done.written(), it.entries)));
    for (it, done) in busiest.iter().take(SHOWN) {
        let [gets, sets, deletes] =
            [done.reads(), done.written(), done.deletes].map(|count| short(count as f64 / seconds.unwrap_or(1.0)));
        let hits = percent(done.hit_ratio());
        let (entries, size) = (it.entries, bytes(it.bytes));
        let name: String = it.name.chars().take(24).collect();
        text.line(&format!("{name:<24} {gets:>10} {hits:>10} {sets:>10} {deletes:>10} {entries:>10} {size:>10}"));
    }
    if let Some(more @ 1..) = busiest.len().checked_sub(SHOWN) {
        let words = text.paint(Style::Faint, &format!("and {more} more"));
        text.line(&words);
    }
}
