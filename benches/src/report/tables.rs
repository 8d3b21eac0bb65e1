//! Owns the tables of the report: one function each, from the results to Markdown.
//!
//! Must never hold a sentence.

use super::table::{Table, rate, time};
use crate::plan::{Setting, grouped};
use crate::{contender::names, operation::Operation, results::Results, statistics::median};

/// Keys a second of each contender, one column for each operation.
pub fn speeds(results: &Results, setting: Setting, clients: usize, operations: &[Operation]) -> String {
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

/// The median and the 99th percentile of a request, for each operation.
pub fn latencies(results: &Results) -> String {
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

/// The server's processor time for a request; None when none was measured.
pub fn cpu(results: &Results) -> Option<String> {
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

/// WAL, HOT updates and growth over ten updates of each key.
pub fn counted(results: &Results) -> String {
    let size = results.plan.main_setting().value;
    let (object, stored) = (format!("WAL, {size} bytes as text"), format!("WAL, {size} bytes as jsonb"));
    let mut table = Table::new(["", &object, &stored, "HOT updates", "table", "indexes"]);
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

/// Instructions of the server process for a request.
pub fn instructions(results: &Results) -> String {
    let mut table = Table::new(["", "get hit", "set existing"]);
    for counted in &results.instructions {
        let set = counted.set.map_or_else(|| "–".to_owned(), grouped);
        table.row(row(counted.contender, [grouped(counted.get), set]));
    }
    table.render()
}

/// Sweeps at full speed.
pub fn swept(results: &Results) -> String {
    let mut table = Table::new(["removing expired rows", "rows/s", "longest batch of 1,000", "WAL a row"]);
    for swept in &results.swept {
        let cells = [grouped(swept.rate as u64), time(swept.longest), format!("{:.0} B", swept.wal)];
        table.row(row(swept.contender, cells));
    }
    table.render()
}

/// Reads with and without a sweep beside them.
pub fn watched(results: &Results) -> String {
    let mut table = Table::new(["reads of 4 clients beside", "median without", "with", "p99 without", "with"]);
    for watched in &results.watched {
        let times = [watched.without.0, watched.with.0, watched.without.1, watched.with.1];
        table.row(row(&watched.beside, times.map(time)));
    }
    table.render()
}

/// Reads of one client as the cache grows.
pub fn growth(results: &Results) -> String {
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

/// The cells of a contender's row; those of cache_pg are bold.
fn row(contender: &str, cells: impl IntoIterator<Item = String>) -> Vec<String> {
    let own = contender == names::CACHE_PG;
    let strong = |cell: String| if own && cell != "–" { format!("**{cell}**") } else { cell };
    let name = if contender == names::FLOOR { format!("`{contender}`") } else { contender.to_owned() };
    std::iter::once(name).chain(cells).map(strong).collect()
}
