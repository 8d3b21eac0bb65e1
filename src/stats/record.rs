//! Counting what the functions do.
//!
//! Owns which calls give a namespace a slot. Must never lock, wait or raise.

use super::database::{DatabaseStats, NamespaceStats};
use super::{counter::Counter, histogram::Operation, latency};
use crate::{pg::Value, settings};
use cache_pg_rules::{key::Key, namespace::Namespace, places::Claim};
use std::time::{Duration, Instant};

/// The statistics of a namespace, if what is done is counted.
fn tracked(namespace: Namespace, claim: Claim) -> Option<&'static NamespaceStats> {
    if settings::track() { NamespaceStats::of(namespace, claim) } else { None }
}

/// Counts `more` for the namespace of a key. A call that stores or removes nothing gets no slot for its namespace,
/// because any role can ask for any name.
pub fn count(key: Key, counter: Counter, more: u64) {
    use Counter::{Deletes, Fills, Invalidations, Loads, Refreshes, Sets, Touches, WaitTime, Waits, Warmed};
    // A role that loads a value, or waits for one, may store it.
    let is_write = more > 0
        && matches!(
            counter,
            Sets | Deletes | Invalidations | Touches | Fills | Loads | Refreshes | Waits | WaitTime | Warmed
        );
    if let Some(stats) = tracked(key.namespace(), if is_write { Claim::Used } else { Claim::Missed }) {
        stats.counters.add(counter, more);
    }
}

/// What a read entitles a namespace to.
fn claim_of(value: Option<Value>) -> Claim {
    if value.is_some() { Claim::Used } else { Claim::Missed }
}

/// Counts a read: a hit if there is a value, a miss if there is none.
pub fn count_read(key: Key, value: Option<Value>) {
    if let Some(stats) = tracked(key.namespace(), claim_of(value)) {
        stats.count_read(value);
    }
}

/// Counts reads of keys of a namespace, as [`count_read`] counts one.
pub fn count_reads(namespace: Namespace, values: impl Iterator<Item = Option<Value>>) {
    let (mut hits, mut misses, mut bytes) = (0, 0, 0);
    for value in values {
        match value {
            Some(value) => (hits, bytes) = (hits + 1, bytes + value.size() as u64),
            None => misses += 1,
        }
    }
    let claim = if hits > 0 { Claim::Used } else { Claim::Missed };
    if let Some(stats) = tracked(namespace, claim) {
        stats.counters.add(Counter::Hits, hits);
        stats.counters.add(Counter::Misses, misses);
        stats.counters.add(Counter::BytesOut, bytes);
    }
}

/// Counts a read whose value may be past its deadline: then it is a miss too, because a new one must be computed.
pub fn count_fetched(key: Key, value: Option<Value>, is_stale: bool) {
    let Some(stats) = tracked(key.namespace(), claim_of(value)) else { return };
    stats.count_read(value.filter(|_| !is_stale));
    if let Some(value) = value.filter(|_| is_stale) {
        stats.counters.add(Counter::StaleHits, 1);
        stats.counters.add(Counter::BytesOut, value.size() as u64);
    }
}

/// Counts a value that was written.
pub fn count_written(key: Key, value: Value) {
    if let Some(stats) = tracked(key.namespace(), Claim::Used) {
        stats.counters.add(Counter::Sets, 1);
        stats.counters.add(Counter::BytesIn, value.size() as u64);
    }
}

/// The longest time that is counted for computing a value, or for a row between its deadline and its removal: a day, in
/// microseconds.
pub const LONGEST: i64 = 86_400_000_000;

/// A time as it is counted, in microseconds: a row or a token may hold any number, and one that is out of bounds must
/// not hide all others.
pub fn bounded(micros: i64, most: i64) -> u64 {
    micros.clamp(0, most) as u64
}

/// Counts a value that was computed, in so many microseconds; None: not known.
pub fn count_loaded(key: Key, took: Option<i64>) {
    let Some(took) = took.map(|took| bounded(took, LONGEST)) else { return };
    latency::record(Operation::Load, Duration::from_micros(took));
    count(key, Counter::Loads, 1);
    count(key, Counter::LoadTime, took);
}

/// Runs what computes a value, and counts it if it succeeds.
///
/// # Errors
/// Those of `load`.
pub fn counting_load<R, E>(key: Key, load: impl FnOnce() -> Result<R, E>) -> Result<R, E> {
    let started = Instant::now();
    let loaded = load()?;
    count_loaded(key, i64::try_from(started.elapsed().as_micros()).ok());
    Ok(loaded)
}

/// Counts a computed value that was stored, or refused.
pub fn count_filled(key: Key, value: Value, is_stored: bool) {
    if is_stored {
        count(key, Counter::Fills, 1);
        count(key, Counter::BytesIn, value.size() as u64);
    } else {
        count(key, Counter::FillsRefused, 1);
    }
}

/// Counts invalidated tags.
pub fn count_invalidated_tags(tags: u64) {
    count_in_rest(Counter::TagInvalidations, tags);
}

/// Counts entries deleted by a clear of a namespace; None: of the whole cache.
pub fn count_cleared(namespace: Option<Namespace>, entries: u64) {
    let claim = if entries > 0 { Claim::Used } else { Claim::Missed };
    match namespace.and_then(|namespace| tracked(namespace, claim)) {
        Some(stats) => stats.counters.add(Counter::Deletes, entries),
        None => count_in_rest(Counter::Deletes, entries),
    }
}

/// Counts an error that was swallowed; None: it has no valid key.
pub fn count_error(key: Option<Key>) {
    match key {
        Some(key) => count(key, Counter::Errors, 1),
        None => count_in_rest(Counter::Errors, 1),
    }
}

fn count_in_rest(counter: Counter, more: u64) {
    if settings::track()
        && let Some(database) = DatabaseStats::mine()
    {
        database.rest.counters.add(counter, more);
    }
}

impl NamespaceStats {
    fn count_read(&self, value: Option<Value>) {
        match value {
            Some(value) => {
                self.counters.add(Counter::Hits, 1);
                self.counters.add(Counter::BytesOut, value.size() as u64);
            }
            None => self.counters.add(Counter::Misses, 1),
        }
    }
}
