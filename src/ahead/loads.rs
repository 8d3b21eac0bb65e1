//! How the loads of each namespace stand, for `cache_loads` and `cache_health`.
//!
//! Owns these figures, not the judgement: that is in `rules`. Must never load anything.

use super::errors::{self, LastError};
use super::{in_line, load::Standing, looks, tally::Tally, warmings};
use crate::catalog::ExtensionTables;
use crate::evict::recency;
use crate::pg::{Timestamp, clock, under_latest};
use crate::stats::{Counter, NamespaceStats};
use crate::{namespaces, settings};
use cache_pg_rules::health::Refreshing;
use cache_pg_rules::namespace::Namespace as Name;
use cache_pg_rules::places::Claim;
use cache_pg_rules::token::hash;

/// The loads of a namespace.
pub struct NamespaceLoads {
    pub namespace: String,
    pub standing: Standing,
    /// Values that were refreshed or warmed.
    pub done: u64,
    pub failed: u64,
    /// The warming under way.
    pub warming: Option<Warming>,
    /// How long a load takes on average, in microseconds; None: there was none.
    pub mean_us: Option<f64>,
    pub last: Option<LastError>,
}

/// The warming of a namespace.
pub struct Warming {
    /// When it began.
    pub since: Timestamp,
    /// Keys loaded per second since then.
    pub rate: f64,
    /// How many keys are in line. None: the table is locked.
    pub left: Option<u64>,
}

impl Warming {
    /// That of a namespace, if one is under way. Counts the keys in line; without any the warming is over.
    fn of(tables: &ExtensionTables, namespace: Name) -> Option<Self> {
        let hash = hash(namespace.as_str());
        let (since, before) = warmings::under_way(hash)?;
        let now = clock::now();
        let left = warmings::counted(hash, || under_latest(|| in_line::count(tables, Some(namespace))));
        if left == Some(0) {
            warmings::end(Some(hash), now);
            return None;
        }
        let seconds = now.0.saturating_sub(since.0).max(1) as f64 / 1e6;
        Some(Self { since, rate: tally(namespace).since(before).warmed as f64 / seconds, left })
    }

    /// How long it goes on at this rate, in microseconds; None: nothing was loaded yet.
    pub fn remaining(&self) -> Option<i64> {
        self.left.filter(|_| self.rate > 0.0).map(|left| (left as f64 / self.rate * 1e6) as i64)
    }
}

/// How long a load of a namespace takes on average, in microseconds; None: there was none.
pub fn usual_time(namespace: Name) -> Option<f64> {
    mean_load(NamespaceStats::of(namespace, Claim::Found)?)
}

fn mean_load(stats: &NamespaceStats) -> Option<f64> {
    let loads = stats.counters.get(Counter::Loads);
    (loads > 0).then(|| stats.counters.get(Counter::LoadTime) as f64 / loads as f64)
}

/// The counts of the loads of a namespace.
pub fn tally(namespace: Name) -> Tally {
    NamespaceStats::of(namespace, Claim::Found).map_or_else(Tally::default, |stats| {
        let [warmed, failed, null] =
            [Counter::Warmed, Counter::RefreshErrors, Counter::RefreshesNull].map(|it| stats.counters.get(it));
        Tally { warmed, failed, null }
    })
}

/// How a warming has ended: the namespace, what was counted, and the last error.
pub struct Ended {
    pub namespace: String,
    pub tally: Tally,
    pub last: Option<LastError>,
}

/// The warmings under way of a namespace, or of all.
pub fn under_way(namespace: Option<Name>) -> Vec<Ended> {
    let all = NamespaceStats::named().map(|(name, _)| name);
    let names = all.filter(|name| namespace.is_none_or(|namespace| namespace.as_str() == name));
    names
        .filter_map(|namespace| {
            let name = Name::parse(&namespace).ok()?;
            let (_, before) = warmings::under_way(hash(&namespace))?;
            Some(Ended { tally: tally(name).since(before), last: errors::last_of(hash(&namespace)), namespace })
        })
        .collect()
}

/// Those of the namespaces that refresh ahead or are warmed, and of those that have or had loads, by name.
pub fn of_namespaces(tables: &ExtensionTables) -> Vec<NamespaceLoads> {
    // Reading the options gives the configured namespaces their statistics.
    let to_warm = namespaces::to_warm(tables);
    let mut all: Vec<_> = NamespaceStats::read_named(|namespace, stats| {
        let (get, hash) = (|counter| stats.counters.get(counter), hash(&namespace));
        NamespaceLoads {
            standing: looks::standing(hash),
            done: get(Counter::Refreshes) + get(Counter::Warmed),
            failed: get(Counter::RefreshErrors),
            mean_us: mean_load(stats),
            last: errors::last_of(hash),
            warming: None,
            namespace,
        }
    })
    .collect();
    for it in &mut all {
        let Ok(name) = Name::parse(&it.namespace) else { continue };
        it.warming = Warming::of(tables, name);
        let left = it.warming.as_ref().and_then(|warming| warming.left).unwrap_or(0);
        it.standing.waiting = it.standing.waiting.saturating_add(i32::try_from(left).unwrap_or(i32::MAX));
    }
    let is_to_warm = |it: &NamespaceLoads| to_warm.iter().any(|(name, _)| *name == it.namespace);
    all.retain(|it| it.is_any() || refresh_ahead(tables, &it.namespace).is_some() || is_to_warm(it));
    all.sort_by(|one, other| one.namespace.cmp(&other.namespace));
    all
}

/// The namespaces whose keys are still to be listed by the query of their option `warm`.
pub fn to_be_listed(tables: &ExtensionTables) -> Vec<String> {
    let all = namespaces::to_warm(tables).into_iter();
    all.filter(|(name, query)| !warmings::is_listed(hash(name), hash(query))).map(|(name, _)| name).collect()
}

/// A namespace whose loads fail, the given one or any: its name, the failures in a row, and the last error.
pub fn failing(tables: &ExtensionTables, namespace: Option<Name>) -> Option<(String, u32, String)> {
    let is_it = |it: &NamespaceLoads| namespace.is_none_or(|namespace| namespace.as_str() == it.namespace);
    let to_be_listed = to_be_listed(tables);
    // A query that has failed fails again, but a loader may fail for some keys only.
    let fails = |it: &NamespaceLoads| {
        it.standing.rests_until.is_some() && it.warming.is_some()
            || it.standing.failures > 0 && to_be_listed.contains(&it.namespace)
    };
    let found = of_namespaces(tables).into_iter().find(|it| is_it(it) && fails(it))?;
    let last = found.last.map_or_else(String::new, |last| last.explained());
    Some((found.namespace, found.standing.failures, last))
}

fn refresh_ahead(tables: &ExtensionTables, namespace: &str) -> Option<i64> {
    namespaces::named(tables, Name::parse(namespace).ok()?).refresh_ahead()
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
    let refreshes = namespaces::someone_refreshes(tables);
    let is_used = refreshes || warmings::some_under_way() || !namespaces::to_warm(tables).is_empty();
    let failing = all.iter().filter(|it| is_used && it.standing.failures > 0).max_by_key(|it| it.standing.failures);
    let failing = failing.map(|it| {
        let last = it.last.as_ref();
        let why = last.map_or_else(String::new, |last| format!(", last {}", last.explained()));
        (format!("{} in a row in \"{}\"{why}", it.standing.failures, it.namespace), it.standing.failures)
    });
    Refreshing {
        is_used,
        lacking_loader: namespaces::lacking_loader(tables),
        may_load: settings::max_loaders() > 0,
        knows_reads: recency::is_kept() || !refreshes,
        failing,
        slow,
    }
}
