//! The rows of `cache_stats`.

use super::counter::Counter;
use super::memory::{self, Area, Tally};
use std::sync::atomic::Ordering;

/// What was counted in a database: the total first, then its namespaces by name, what was merged, and the rest.
pub fn of(area: &Area) -> Vec<Row> {
    let mut rows: Vec<Row> = memory::read_places(|name, tally| Row::of("namespace", Some(name), tally)).collect();
    let merged = area.merged_namespaces.load(Ordering::Relaxed) as i64;
    let known = rows.len() as i64;
    rows.sort_by(|one, other| one.namespace.cmp(&other.namespace));
    if merged > 0 {
        rows.push(Row { namespaces: Some(merged), ..Row::of("merged", None, &area.merged) });
    }
    rows.push(Row { namespaces: None, ..Row::of("rest", None, &area.rest) });
    rows.insert(0, Row { namespaces: Some(known + merged), ..Row::total(&rows) });
    rows
}

/// What was counted for a namespace, or for several.
pub struct Row {
    /// Which: `total`, `namespace`, `merged`, or `rest`.
    pub scope: &'static str,
    /// Its name.
    pub namespace: Option<String>,
    /// How many it is about; None: nobody knows.
    pub namespaces: Option<i64>,
    /// What was done.
    pub counters: Vec<i64>,
    /// What there is.
    pub census: Vec<i64>,
}

impl Row {
    /// That of one tally.
    pub fn of(scope: &'static str, namespace: Option<String>, tally: &Tally) -> Self {
        Self { scope, namespace, namespaces: Some(1), counters: counters_of(tally), census: census_of(tally) }
    }

    /// That of all rows together.
    pub fn total(rows: &[Self]) -> Self {
        let sum = |of: fn(&Self) -> &[i64]| {
            let add = |sum: Vec<i64>, row| sum.iter().zip(of(row)).map(|(sum, more)| sum + more).collect();
            rows.iter().fold(vec![0; rows.first().map_or(0, |row| of(row).len())], add)
        };
        let mut census = sum(|row| &row.census);
        // Of the largest entries the largest.
        if let Some(largest) = census.last_mut() {
            *largest = rows.iter().filter_map(|row| row.census.last().copied()).max().unwrap_or(0);
        }
        Self { scope: "total", namespace: None, namespaces: None, counters: sum(|row| &row.counters), census }
    }
}

fn counters_of(tally: &Tally) -> Vec<i64> {
    Counter::ALL.iter().map(|&counter| tally.counters.get(counter) as i64).collect()
}

fn census_of(tally: &Tally) -> Vec<i64> {
    tally.census.counted.fields().map(|field| field.load(Ordering::Relaxed) as i64).to_vec()
}
