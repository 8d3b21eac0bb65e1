//! Owns the order of the extension's modules: the table in the head of `src/lib.rs`, read from top to bottom.
//!
//! A module knows only those in rows below its own. Must never have an order of its own.

use std::collections::BTreeSet;

use super::graph::Graph;

/// The modules of each row: ``//! | [`clock`], [`error`] | what they own |``.
pub fn rows(text: &str) -> Vec<Vec<String>> {
    let cells = text.lines().filter_map(|line| line.strip_prefix("//! |")?.split('|').next());
    let names =
        |cell: &str| cell.split("[`").skip(1).filter_map(|rest| Some(rest.split_once("`]")?.0.to_owned())).collect();
    cells.map(names).filter(|names: &Vec<_>| !names.is_empty()).collect()
}

/// The imports that go up or stay in their row, each with the files it leads from and to.
pub fn against(rows: &[Vec<String>], graph: &Graph) -> Vec<(usize, usize)> {
    let row = |file: usize| {
        let module = graph.files[file].module.first();
        // The root of the crate, which knows them all, is above the first row.
        module.map_or(Some(0), |name| rows.iter().position(|row| row.contains(name)).map(|row| row + 1))
    };
    let module = |file: usize| graph.files[file].module.first();
    let is_against = |&(from, to): &(usize, usize)| {
        module(from) != module(to) && row(from).zip(row(to)).is_some_and(|(from, to)| to <= from)
    };
    graph.arrows.keys().copied().filter(is_against).collect()
}

/// What is wrong with the table itself and with the imports.
pub fn faults(rows: &[Vec<String>], graph: &Graph) -> Vec<String> {
    let modules: BTreeSet<_> = graph.files.iter().filter_map(|file| file.module.first()).collect();
    let named: Vec<_> = rows.iter().flatten().collect();
    let mut faults = Vec::new();
    for &name in &named {
        let times = named.iter().filter(|other| **other == name).count();
        if !modules.contains(name) {
            faults.push(format!("src/lib.rs: the table names {name}, and there is no such module"));
        } else if times > 1 {
            faults.push(format!("src/lib.rs: the table names {name} {times} times"));
        }
    }
    for name in modules.iter().filter(|name| !named.contains(*name)) {
        faults.push(format!("src/lib.rs: the table has no row for {name}"));
    }
    faults.extend(against(rows, graph).iter().map(|&pair| {
        let (arrow, files) = (&graph.arrows[&pair], [pair.0, pair.1].map(|file| &graph.files[file]));
        let [from, to] = files.map(|file| file.module.first().map_or("lib.rs", String::as_str));
        format!(
            "{}:{}: {from} must not use {to} ({}): a module knows only those below it in the table of src/lib.rs",
            files[0].name, arrow.line, arrow.module
        )
    }));
    faults
}
