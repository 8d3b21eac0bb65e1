//! Owns the targets of the benchmark, and whether a run meets them.
//!
//! Must never be asserted in a test: machines and rounds differ.

use std::time::Duration;

use crate::contender::names::{BY_HAND, BY_HAND_ASYNC, CACHE_PG, CACHE_PG_ASYNC, FLOOR};
use crate::{operation::Operation, plan, results::Results};

/// A target.
#[derive(Debug)]
pub struct Target {
    /// What is measured.
    pub what: String,
    /// The required value.
    pub target: String,
    /// The measured value; None when this run did not measure it.
    pub measured: Option<String>,
    /// Whether it is met.
    pub met: bool,
}

/// All targets, compared with the results.
pub fn all(results: &Results) -> Vec<Target> {
    let most = results.plan.most_clients();
    let mut targets = Vec::new();
    for (clients, least) in [(1, 1.15), (most, 1.05)] {
        let ratio = results.ratio(clients, Operation::GetHit, CACHE_PG, BY_HAND);
        targets.push(at_least(format!("get hit / the same by hand, {}", plan::clients(clients)), ratio, least));
    }
    let ratio = results.ratio(1, Operation::GetHit, CACHE_PG, FLOOR);
    targets.push(at_least("get hit / `SELECT $1`, 1 client".to_owned(), ratio, 0.85));
    let gain = results.gain(1, Operation::GetMany, Operation::GetHit, CACHE_PG);
    targets.push(at_least("keys a second of get_many of 100 / of get hit, 1 client".to_owned(), gain, 12.0));
    for (clients, least) in [(1, 10.0), (most, 5.0)] {
        let ratio = results.ratio(clients, Operation::SetExisting, CACHE_PG, BY_HAND);
        let what = format!("set existing / the same by hand, default settings, {}", plan::clients(clients));
        targets.push(at_least(what, ratio, least));
    }
    for clients in [1, most] {
        let ratio = results.ratio(clients, Operation::SetExisting, CACHE_PG_ASYNC, BY_HAND_ASYNC);
        let what = format!("set existing / the same by hand, neither waits for the disk, {}", plan::clients(clients));
        targets.push(at_least(what, ratio, 1.0));
    }
    targets.extend(of_counts(results));
    targets.extend(of_sweeps(results));
    for (entries, what, share) in [(1_000_000, "a million", 0.9), (10_000_000, "ten million", 0.85)] {
        let kept = results.kept(CACHE_PG, entries);
        targets.push(at_least(format!("get hit in {what} entries / in the smallest cache"), kept, share));
    }
    targets
}

fn of_counts(results: &Results) -> Vec<Target> {
    let counted = results.counted.iter().find(|counted| counted.contender == CACHE_PG);
    vec![
        Target {
            what: "WAL of an overwrite, 120 bytes as jsonb, without full-page images".to_owned(),
            target: "≤ 300 B".to_owned(),
            measured: counted.map(|counted| format!("{:.0} B", counted.wal_stored)),
            met: counted.is_some_and(|counted| counted.wal_stored <= 300.0),
        },
        Target {
            what: "share of HOT updates among overwrites".to_owned(),
            target: "> 95 %".to_owned(),
            measured: counted.map(|counted| format!("{:.1} %", counted.hot * 100.0)),
            met: counted.is_some_and(|counted| counted.hot > 0.95),
        },
        Target {
            what: "size of the index after ten updates of each key".to_owned(),
            target: "no growth".to_owned(),
            measured: counted.map(|counted| format!("× {:.2}", counted.indexes)),
            met: counted.is_some_and(|counted| counted.indexes < 1.005),
        },
    ]
}

fn of_sweeps(results: &Results) -> Vec<Target> {
    let swept = results.swept.iter().find(|swept| swept.contender == CACHE_PG);
    let workers = results.watched.last();
    let felt = workers.map(|watched| watched.with.1.as_secs_f64() / watched.without.1.as_secs_f64());
    vec![
        Target {
            what: "sweep at full speed".to_owned(),
            target: "≥ 150,000 rows/s".to_owned(),
            measured: swept.map(|swept| format!("{} rows/s", plan::grouped(swept.rate as u64))),
            met: swept.is_some_and(|swept| swept.rate >= 150_000.0),
        },
        Target {
            what: "longest batch of that sweep".to_owned(),
            target: "≤ 5 ms".to_owned(),
            measured: swept.map(|swept| format!("{:.1} ms", swept.longest.as_secs_f64() * 1e3)),
            met: swept.is_some_and(|swept| swept.longest <= Duration::from_millis(5)),
        },
        Target {
            what: "WAL of that sweep for a row".to_owned(),
            target: "≤ 120 B".to_owned(),
            measured: swept.map(|swept| format!("{:.0} B", swept.wal)),
            met: swept.is_some_and(|swept| swept.wal <= 120.0),
        },
        Target {
            what: "p99 of reads while the workers sweep / while they do not".to_owned(),
            target: "≤ 1.10".to_owned(),
            measured: felt.map(|felt| format!("{felt:.2}")),
            met: felt.is_some_and(|felt| felt <= 1.1),
        },
    ]
}

fn at_least(what: String, measured: Option<f64>, least: f64) -> Target {
    Target {
        what,
        target: format!("≥ {least:.2}"),
        // Truncated, not rounded: a value just below the target must not look as if it met it.
        measured: measured.map(|measured| format!("{:.2}", (measured * 100.0).floor() / 100.0)),
        met: measured.is_some_and(|measured| measured >= least),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_from_its_bound_on() {
        assert!(at_least(String::new(), Some(1.05), 1.05).met);
        let short = at_least(String::new(), Some(1.0499), 1.05);
        assert!(!short.met);
        assert_eq!(short.measured.as_deref(), Some("1.04"));
        assert!(!at_least(String::new(), None, 1.05).met);
    }
}
