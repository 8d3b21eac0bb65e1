//! What the sweeper records: its steps, its turns, and how many rows it has found.
//!
//! No process reads the table in order to count: the sweeper adds up the rows that it passes, and the statistics show
//! what the last whole turn has found, with its age. Owns when those counts and the gauges change. Must never take a
//! turn that has passed ranges over for a count.

use super::database::{DatabaseStats, NamespaceStats};
use super::{histogram::Operation, latency};
use crate::{pg::clock, shared::Turn};
use cache_pg_rules::{ledger::Change, pace, step::Step};
use std::{sync::atomic::Ordering, time::Duration};

/// A turn begins.
pub fn begin() {
    if let Some(database) = DatabaseStats::mine() {
        database.sweeper.begin_turn();
        database.counts_another_file.store(false, Ordering::Relaxed);
    }
    NamespaceStats::all().for_each(|stats| stats.rows.begin());
}

/// Counts a step that took so long.
pub fn count_step(step: &Step, took: Duration) {
    if let Some(database) = DatabaseStats::mine() {
        database.sweeper.count_step(step);
    }
    latency::record(Operation::Sweep, took);
}

/// Counts a step that has failed.
pub fn count_failure(why: &str) {
    if let Some(database) = DatabaseStats::mine() {
        database.sweeper.count_failure(why);
    }
}

/// A turn has ended. If it has passed nothing over, it has counted all rows, and the gauges are corrected.
pub fn end(turn: &Turn) {
    let Some(database) = DatabaseStats::mine() else { return };
    database.sweeper.end_turn(turn);
    if turn.skipped > 0 || database.counts_another_file.load(Ordering::Relaxed) {
        return;
    }
    let (held, is_first) = (database.total.held(), counted_at().is_none());
    let change = NamespaceStats::all().fold(Change::default(), |sum, stats| sum.and(stats.rows.end()));
    database.total.add(change);
    // Before the first turn there was an estimate at best.
    let off = if is_first { 0 } else { change.entries };
    database.gauge_was.store(held.entries, Ordering::Relaxed);
    database.gauge_was_off.store(off, Ordering::Relaxed);
    database.rest.rows.counted_at.store(clock::now().0, Ordering::Relaxed);
}

/// Sets the gauges to what `found` says of each namespace.
pub fn set_gauges(found: impl Fn(&'static NamespaceStats) -> Change) {
    let Some(database) = DatabaseStats::mine() else { return };
    let set = |stats: &'static NamespaceStats| stats.rows.set_gauge(found(stats));
    database.total.add(NamespaceStats::all().map(set).fold(Change::default(), Change::and));
}

/// The table lies in another file than when the turn began: its count is void, and the next turn passes nothing over.
pub fn discard_count() {
    if let Some(database) = DatabaseStats::mine() {
        database.counts_another_file.store(true, Ordering::Relaxed);
        database.rest.rows.counted_at.store(0, Ordering::Relaxed);
    }
}

/// When the last whole turn that counted all rows ended, in microseconds; None: there was none yet.
pub fn counted_at() -> Option<i64> {
    DatabaseStats::mine().map(|stats| stats.rest.rows.counted_at.load(Ordering::Relaxed)).filter(|&at| at != 0)
}

/// How long it is until the next turn must count all rows, where a turn takes `interval`.
pub fn until_next_count(interval: Duration) -> Duration {
    pace::until_count(counted_at(), interval, clock::now().0)
}
