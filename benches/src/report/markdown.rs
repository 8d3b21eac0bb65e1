//! Owns the report in Markdown: the whole of it, and the parts that the documents show.
//!
//! Must never hold a measured number: only words.

use super::{table::Table, tables};
use crate::plan::{Plan, Setting, clients as clients_of};
use crate::{machine, results::Results, targets};

/// The method of measurement, which does not change.
const METHOD: &str = include_str!("method.md");

/// What [`tables::counted`] shows.
const COUNTED: &str = "the WAL of a set, the share of updates that write no index (HOT), and how many times as large \
                       the table and its indexes are afterwards";

/// The whole report of a run.
pub fn document(results: &Results) -> String {
    format!("# Benchmark\n\n{}", body(results, true))
}

/// The part of `docs/benchmark.md` that is measured.
pub fn page(results: &Results) -> String {
    body(results, times_count(results))
}

/// Whether the times of a run may stand in the documents: those of the full form, on a quiet machine. Counts always
/// may.
pub fn times_count(results: &Results) -> bool {
    results.plan.is_full() && !was_busy(results)
}

fn was_busy(results: &Results) -> bool {
    !machine::is_quiet(results.load[0])
}

fn body(results: &Results, times: bool) -> String {
    let mut parts = vec![format!("{}\n", origin(results, times))];
    if times {
        parts.extend(timed(results));
    }
    parts.push(format!("## Ten sets of each key\n\nThe table shows {COUNTED}.\n\n{}", tables::counted(results)));
    if !results.instructions.is_empty() {
        parts.push(format!("## Instructions of the server process for a request\n\n{}", tables::instructions(results)));
    }
    if times {
        parts.push(format!("## Sweeping\n\n{}\n{}", tables::swept(results), tables::watched(results)));
        parts.push(format!("## As the cache grows\n\nReads a second of 1 client.\n\n{}", tables::growth(results)));
    }
    parts.push(METHOD.to_owned());
    if !results.left_out.is_empty() {
        let lines = results.left_out.iter().map(|left_out| format!("- {}: {}\n", left_out.name, left_out.why));
        parts.push(format!("## Left out\n\n{}", lines.collect::<String>()));
    }
    parts.join("\n")
}

/// The parts that are times from beginning to end.
fn timed(results: &Results) -> Vec<String> {
    let plan = &results.plan;
    let mut parts = vec![
        "![What was measured, as bars](benchmark.svg)\n".to_owned(),
        format!("## What it must show\n\n{}", summary(results)),
    ];
    let setting = plan.main_setting();
    parts.push(format!("## Keys a second\n\nWith {}.\n", setting.described()));
    for (clients, operations) in &plan.clients {
        let pinned = if *clients == 1 { ", on one processor with its server" } else { "" };
        parts.push(format!(
            "### {}{pinned}\n\n{}",
            clients_of(*clients),
            tables::speeds(results, setting, *clients, operations)
        ));
    }
    parts.push(format!("## How long a request takes\n\nMedian and 99th percentile.\n\n{}", tables::latencies(results)));
    if let Some(cpu) = tables::cpu(results) {
        parts.push(format!("## The server's processor time\n\nMicroseconds for a request, 1 client.\n\n{cpu}"));
    }
    for &setting in &plan.settings[1..] {
        let clients = Plan::VARIED_CLIENTS.min(plan.most_clients());
        let table = tables::speeds(results, setting, clients, &Plan::VARIED);
        parts.push(format!("## With {}\n\nKeys a second, {clients} clients.\n\n{table}", setting.described()));
    }
    parts
}

/// Where the numbers come from.
fn origin(results: &Results, times: bool) -> String {
    let form = if results.plan.is_full() { "make bench" } else { "make bench QUICK=1" };
    if !times {
        return format!(
            "Counted by `{form}` on {}. The load of the machine changes these counts little. Run `make bench` for the \
             times of your machine.",
            results.machine
        );
    }
    let load = match results.load {
        [Some(before), Some(after)] => {
            format!(" The load average was {before:.2} before it began, and {after:.2} at its end, with its own load.")
        }
        _ => " The load of the machine is unknown.".to_owned(),
    };
    let warning = if was_busy(results) {
        " **The machine may have been busy with other things: trust the counts, not the times.**"
    } else {
        ""
    };
    format!(
        "Measured by `{form}` in {:.0} minutes on {}: medians of {} interleaved rounds.{load}{warning}",
        results.took.as_secs_f64() / 60.0,
        results.machine,
        results.plan.rounds
    )
}

/// The targets, and whether they are met.
pub fn summary(results: &Results) -> String {
    let mut table = Table::new(["", "target", "measured", "met"]);
    for target in targets::all(results) {
        let met = match (&target.measured, target.met) {
            (None, _) => "–",
            (_, true) => "yes",
            (_, false) => "**no**",
        };
        let measured = target.measured.unwrap_or_else(|| "–".to_owned());
        table.row(vec![target.what, target.target, measured, met.to_owned()]);
    }
    table.render()
}

/// The part of the README: one table and where the rest is.
pub fn readme(results: &Results) -> String {
    const REST: &str = "[docs/benchmark.md](docs/benchmark.md) has all figures, and how they are measured.";
    let plan = &results.plan;
    let setting = plan.main_setting();
    if !times_count(results) {
        return format!(
            "{} {REST}\n\nThe table shows ten sets of each key ({}): {COUNTED}.\n\n{}",
            origin(results, false),
            Setting { keys: plan.counted, ..setting }.described(),
            tables::counted(results)
        );
    }
    let Some((clients, operations)) = plan.clients.last() else { return String::new() };
    format!(
        "{} {REST} Keys a second of {clients} clients, {}:\n\n{}\n![The same as bars](docs/benchmark.svg)\n",
        origin(results, true),
        setting.described(),
        tables::speeds(results, setting, *clients, operations)
    )
}
