//! The report as Markdown: the whole of it, and the parts that the documents show.
//!
//! Must never hold a measured number: only words.

use super::table::{Table, rate, time};
use crate::contender::names;
use crate::operation::Operation;
use crate::plan::{Plan, Setting, clients as clients_of, grouped};
use crate::results::Results;
use crate::statistics::median;
use crate::targets;

/// With so many processes for each processor a machine is no place to measure times on.
const BUSY: f64 = 0.5;

/// How everything was measured: the part that does not change.
const METHOD: &str = include_str!("method.md");

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
    results.plan.name == "full" && results.busy <= BUSY
}

fn body(results: &Results, times: bool) -> String {
    let mut parts = vec![format!("{}\n", origin(results, times))];
    if times {
        parts.extend(timed(results));
    }
    parts.push(format!("## What ten updates of each key leave behind\n\n{}", counted(results)));
    if !results.instructions.is_empty() {
        parts.push(format!("## Instructions of the server process for a request\n\n{}", instructions(results)));
    }
    if times {
        parts.push(format!("## Sweeping\n\n{}\n{}", swept(results), watched(results)));
        parts.push(format!("## As the cache grows\n\nReads a second of 1 client.\n\n{}", growth(results)));
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
            speeds(results, setting, *clients, operations)
        ));
    }
    parts.push(format!("## How long a request takes\n\nMedian and 99th percentile.\n\n{}", latencies(results)));
    if let Some(cpu) = cpu(results) {
        parts.push(format!("## The server's processor time\n\nMicroseconds for a request, 1 client.\n\n{cpu}"));
    }
    for &setting in &plan.settings[1..] {
        let clients = Plan::VARIED_CLIENTS.min(plan.most_clients());
        let table = speeds(results, setting, clients, &Plan::VARIED);
        parts.push(format!("## With {}\n\nKeys a second, {clients} clients.\n\n{table}", setting.described()));
    }
    parts
}

/// Where the numbers come from.
fn origin(results: &Results, times: bool) -> String {
    let form = if results.plan.name == "full" { "make bench" } else { "make bench QUICK=1" };
    if !times {
        return format!(
            "Counted by `{form}` on {}. These counts depend little on the load of the machine. Times are shown only if \
             the full benchmark ran on a quiet machine. Run `make bench` for those of your machine.",
            results.machine
        );
    }
    let warning = if results.busy > BUSY {
        " **The machine was busy with other things: trust the counts, not the times.**"
    } else {
        ""
    };
    format!(
        "Measured by `{form}` in {:.0} minutes on {}: medians of {} interleaved rounds.{warning}",
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
            "{} {REST} After ten updates of each key ({}):\n\n{}",
            origin(results, false),
            setting.described(),
            counted(results)
        );
    }
    let Some((clients, operations)) = plan.clients.last() else { return String::new() };
    format!(
        "{} {REST} Keys a second of {clients} clients, {}:\n\n{}\n![The same as bars](docs/benchmark.svg)\n",
        origin(results, true),
        setting.described(),
        speeds(results, setting, *clients, operations)
    )
}

fn speeds(results: &Results, setting: Setting, clients: usize, operations: &[Operation]) -> String {
    let mut table = Table::new(std::iter::once("").chain(operations.iter().map(|operation| operation.name())));
    for &contender in &results.contenders {
        let cells = operations.iter().map(|&operation| {
            let speed = results.speed(setting, clients, operation, contender);
            let found = speed.and_then(|speed| median(&speed.rates)).filter(|&found| found > 0.0);
            found.map_or_else(|| "–".to_owned(), rate)
        });
        table.row(row(contender, cells));
    }
    table.render()
}

fn latencies(results: &Results) -> String {
    let plan = &results.plan;
    let cells: Vec<_> = [Operation::GetHit, Operation::SetExisting]
        .into_iter()
        .flat_map(|operation| plan.clients.iter().map(move |(clients, _)| (operation, *clients)))
        .filter(|(operation, clients)| plan.clients.iter().any(|(of, all)| of == clients && all.contains(operation)))
        .collect();
    let head = cells.iter().map(|(operation, clients)| format!("{}, {clients}", operation.name()));
    let mut table = Table::new(std::iter::once(String::new()).chain(head));
    for &contender in &results.contenders {
        let times = cells.iter().map(|&(operation, clients)| {
            let speed = results.speed(plan.main_setting(), clients, operation, contender);
            speed.map_or_else(|| "–".to_owned(), |speed| format!("{} / {}", time(speed.half), time(speed.slow)))
        });
        table.row(row(contender, times));
    }
    table.render()
}

fn cpu(results: &Results) -> Option<String> {
    let (clients, operations) = results.plan.clients.iter().find(|(clients, _)| *clients == 1)?;
    let mut table = Table::new(std::iter::once("").chain(operations.iter().map(|operation| operation.name())));
    for &contender in &results.contenders {
        let cells = operations.iter().map(|&operation| {
            let speed = results.speed(results.plan.main_setting(), *clients, operation, contender);
            speed.and_then(|speed| speed.cpu).map_or_else(|| "–".to_owned(), |micros| format!("{micros:.1}"))
        });
        table.row(row(contender, cells));
    }
    Some(table.render())
}

fn counted(results: &Results) -> String {
    let size = results.plan.main_setting().value;
    let stored = format!("of {size} bytes as jsonb");
    let mut table = Table::new(["", "WAL a set", &stored, "HOT updates", "table", "indexes"]);
    for counted in &results.counted {
        let cells = [
            format!("{:.0} B", counted.wal),
            format!("{:.0} B", counted.wal_stored),
            format!("{:.1} %", counted.hot * 100.0),
            format!("× {:.2}", counted.table),
            format!("× {:.2}", counted.indexes),
        ];
        table.row(row(counted.contender, cells));
    }
    table.render()
}

fn instructions(results: &Results) -> String {
    let mut table = Table::new(["", "get hit", "set existing"]);
    for counted in &results.instructions {
        let set = counted.set.map_or_else(|| "–".to_owned(), grouped);
        table.row(row(counted.contender, [grouped(counted.get), set]));
    }
    table.render()
}

fn swept(results: &Results) -> String {
    let mut table = Table::new(["removing expired rows", "rows/s", "longest batch of 1,000", "WAL a row"]);
    for swept in &results.swept {
        let cells = [grouped(swept.rate as u64), time(swept.longest), format!("{:.0} B", swept.wal)];
        table.row(row(swept.contender, cells));
    }
    table.render()
}

fn watched(results: &Results) -> String {
    let mut table = Table::new(["reads of 4 clients beside", "median without", "with", "p99 without", "with"]);
    for watched in &results.watched {
        let times = [watched.without.0, watched.with.0, watched.without.1, watched.with.1];
        table.row(row(&watched.beside, times.map(time)));
    }
    table.render()
}

fn growth(results: &Results) -> String {
    let head = ["entries", "reads/s", "of the smallest", "pages a read"];
    let mut table = Table::new(head);
    for growth in &results.growth {
        let kept = results.kept(growth.contender, growth.entries);
        let cells = [
            median(&growth.rates).map_or_else(|| "–".to_owned(), rate),
            kept.map_or_else(|| "–".to_owned(), |kept| format!("{kept:.2}")),
            format!("{:.1}", growth.pages),
        ];
        table.row(row(&format!("{}: {}", growth.contender, grouped(growth.entries)), cells));
    }
    table.render()
}

/// This project's own rows stand out.
fn row(contender: &str, cells: impl IntoIterator<Item = String>) -> Vec<String> {
    let own = contender == names::CACHE_PG;
    let strong = |cell: String| if own && cell != "–" { format!("**{cell}**") } else { cell };
    let name = if contender == names::FLOOR { format!("`{contender}`") } else { contender.to_owned() };
    std::iter::once(name).chain(cells).map(strong).collect()
}
