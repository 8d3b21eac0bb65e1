//! How the loads of each namespace stand, for `cache_loads` and `cache_health`.
//!
//! Owns these figures, not the judgement: that is in `rules`. Must never load anything.

use super::errors::{self, LastError};
use super::{line, load::Standing};
use crate::catalog::ExtensionTables;
use crate::evict::recency;
use crate::stats::{Counter, NamespaceStats};
use crate::{namespaces, settings};
use cache_pg_rules::health::Refreshing;
use cache_pg_rules::namespace::Namespace;
use cache_pg_rules::token::hash;

/// The loads of a namespace.
pub struct NamespaceLoads {
    pub namespace: String,
    pub standing: Standing,
    pub done: u64,
    pub failed: u64,
    /// How long a load takes on average, in microseconds; None: there was none.
    pub mean_us: Option<f64>,
    pub last: Option<LastError>,
}

/// Those of the namespaces that refresh ahead, and of those that have or had loads, by name.
pub fn of_namespaces(tables: &ExtensionTables) -> Vec<NamespaceLoads> {
    // Reading the options gives the configured namespaces their statistics.
    namespaces::someone_refreshes(tables);
    let mut all: Vec<_> = NamespaceStats::read_named(|namespace, stats| {
        let (get, hash) = (|counter| stats.counters.get(counter), hash(&namespace));
        let loads = get(Counter::Loads);
        NamespaceLoads {
            standing: line::standing(hash),
            done: get(Counter::Refreshes),
            failed: get(Counter::RefreshErrors),
            mean_us: (loads > 0).then(|| get(Counter::LoadTime) as f64 / loads as f64),
            last: errors::last_of(hash),
            namespace,
        }
    })
    .filter(|it| it.is_any() || refresh_ahead(tables, &it.namespace).is_some())
    .collect();
    all.sort_by(|one, other| one.namespace.cmp(&other.namespace));
    all
}

fn refresh_ahead(tables: &ExtensionTables, namespace: &str) -> Option<i64> {
    namespaces::named(tables, Namespace::parse(namespace).ok()?).refresh_ahead()
}

impl NamespaceLoads {
    fn is_any(&self) -> bool {
        let Standing { waiting, running, failures, .. } = self.standing;
        self.done > 0 || self.failed > 0 || failures > 0 || waiting + running > 0 || self.last.is_some()
    }
}

/// The figures that `cache_health` judges.
pub fn readings(tables: &ExtensionTables) -> Refreshing {
    let all = of_namespaces(tables);
    let is_slow = |it: &&NamespaceLoads| {
        let ahead = refresh_ahead(tables, &it.namespace);
        ahead.zip(it.mean_us).is_some_and(|(ahead, mean)| mean > ahead as f64)
    };
    let slow = all.iter().filter(is_slow).map(|it| it.namespace.clone()).collect();
    let is_used = namespaces::someone_refreshes(tables);
    let failing = all.iter().filter(|it| is_used && it.standing.failures > 0).max_by_key(|it| it.standing.failures);
    let failing = failing.map(|it| {
        let last = it.last.as_ref();
        let why = last.map_or_else(String::new, |last| format!(", last for \"{}\": {}", last.key, last.message));
        (format!("{} in a row in \"{}\"{why}", it.standing.failures, it.namespace), it.standing.failures)
    });
    Refreshing {
        is_used,
        lacking_loader: namespaces::lacking_loader(tables),
        may_load: settings::max_loaders() > 0,
        knows_reads: recency::is_kept(),
        failing,
        slow,
    }
}
