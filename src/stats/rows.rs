//! The rows of `cache_stats`.
//!
//! Owns the scopes; the total is the sum of the others. Must never rely on the order of figures: each has a name.

use super::database::{DatabaseStats, NamespaceStats};
use super::{counter::Counter, row_counts::Counted, turns};
use std::sync::atomic::Ordering;

/// A figure with its name; None: not known yet.
type Figure = (&'static str, Option<i64>);

/// What was counted for a namespace, or for several.
pub struct StatsRow {
    /// Which: `total`, `namespace`, `merged`, or `rest`.
    pub scope: &'static str,
    /// The name of the namespace, if it is one.
    pub namespace: Option<String>,
    /// How many namespaces the row is about; None: not known.
    pub namespaces: Option<i64>,
    figures: Vec<Figure>,
}

/// What was counted in a database: the total first, then its namespaces by name, what was merged, and the rest.
pub fn of(database: &DatabaseStats) -> Vec<StatsRow> {
    let is_counted = turns::counted_at().is_some();
    let row = |scope, namespace, stats| StatsRow::of(scope, namespace, stats, is_counted);
    let mut rows: Vec<_> = NamespaceStats::read_named(|name, stats| row("namespace", Some(name), stats)).collect();
    let merged = database.merged_namespaces.load(Ordering::Relaxed) as i64;
    let known = rows.len() as i64;
    rows.sort_by(|one, other| one.namespace.cmp(&other.namespace));
    if merged > 0 {
        rows.push(StatsRow { namespaces: Some(merged), ..row("merged", None, &database.merged) });
    }
    rows.push(StatsRow { namespaces: None, ..row("rest", None, &database.rest) });
    let figures = rows.iter().map(|row| row.figures.clone()).reduce(sum).unwrap_or_default();
    rows.insert(0, StatsRow { scope: "total", namespace: None, namespaces: Some(known + merged), figures });
    rows
}

impl StatsRow {
    fn of(scope: &'static str, namespace: Option<String>, stats: &NamespaceStats, is_counted: bool) -> Self {
        let counters = Counter::ALL.iter().map(|&counter| (counter.name(), Some(stats.counters.get(counter) as i64)));
        let rows = stats.rows.counted.named().map(|(name, word)| (name, word.load(Ordering::Relaxed) as i64));
        let figures = counters.chain(rows.map(|(name, figure)| (name, is_counted.then_some(figure)))).collect();
        Self { scope, namespace, namespaces: Some(1), figures }
    }

    /// Its figures as a JSON object, by their names.
    pub fn json(&self) -> String {
        let value = |figure: Option<i64>| figure.map_or_else(|| "null".to_owned(), |figure| figure.to_string());
        let members: Vec<String> =
            self.figures.iter().map(|&(name, figure)| format!("\"{name}\":{}", value(figure))).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// The figures of two rows together; of the largest entries the larger one.
fn sum(mut figures: Vec<Figure>, others: Vec<Figure>) -> Vec<Figure> {
    for ((name, figure), (_, other)) in figures.iter_mut().zip(others) {
        let together = if *name == Counted::LARGEST { i64::max } else { <i64 as std::ops::Add>::add };
        *figure = figure.zip(other).map(|(one, two)| together(one, two));
    }
    figures
}
