//! What is counted.

use super::latency::{self, Operation};
use super::memory::{self, Tally};
use super::tally;
use crate::pg::backend;
use crate::pg::datum::Jsonb;
use crate::settings;
use cache_pg_rules::key::Key;
use cache_pg_rules::namespace::Namespace;
use cache_pg_rules::places::Claim;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Declares the counters, in the order in which they are stored.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A counter of a namespace.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Counter { $($(#[$doc])* $name,)* }

        impl Counter {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

counters! {
    /// Reads that found a live value.
    Hits,
    /// Reads that found none.
    Misses,
    /// Values served past their deadline, within `stale_for`: misses too.
    StaleHits,
    /// Values written by cache_set and its kin.
    Sets,
    /// Keys deleted by cache_delete and its kin.
    Deletes,
    /// Keys deleted because a row of a watched table has changed.
    Invalidations,
    /// Tags invalidated; they belong to no namespace.
    TagInvalidations,
    /// New deadlines for a value.
    Touches,
    /// Computed values that were stored.
    Fills,
    /// Computed values that were refused, because they could have been stale.
    FillsRefused,
    /// Values that were computed, through cache_get_or_set or between cache_fetch and cache_fill.
    Loads,
    /// How long it took to compute them, in microseconds.
    LoadTime,
    /// Callers that waited for a value which somebody else computed.
    Waits,
    /// How long callers waited for such a value, in microseconds.
    WaitTime,
    /// Entries that were removed when their time was over.
    Expired,
    /// Entries that were removed before that, to make room.
    Evicted,
    /// The time since the evicted entries were written, in microseconds, all together.
    EvictedAge,
    /// Misses that a cache of up to one and a half times the size would have spared.
    Spared150,
    /// Misses that only one of up to twice the size would have spared.
    Spared200,
    /// Misses that only one of up to four times the size would have spared.
    Spared400,
    /// Errors that cache_get_or_null and cache_try_set swallowed.
    Errors,
    /// Bytes of values written.
    BytesIn,
    /// Bytes of values returned.
    BytesOut,
    /// Computed values that were refused because somebody was clearing their namespace, or the whole cache.
    FillsBarred,
}

/// How many counters there are.
pub const COUNTERS: usize = Counter::ALL.len();
/// How often each is there: so many backends count without getting in each other's way.
const STRIPES: usize = 8;

/// One set of counters, on cache lines of its own.
#[repr(C, align(64))]
struct Stripe([AtomicU64; COUNTERS]);

/// The counters of a namespace.
#[repr(C)]
pub struct Counters([Stripe; STRIPES]);

impl Counters {
    /// Counts `more`.
    pub fn add(&self, counter: Counter, more: u64) {
        let stripe = backend::pid() as usize % STRIPES;
        self.0[stripe].0[counter as usize].fetch_add(more, Ordering::Relaxed);
    }

    /// How much was counted.
    pub fn get(&self, counter: Counter) -> u64 {
        let of = |stripe: &Stripe| stripe.0[counter as usize].load(Ordering::Relaxed);
        self.0.iter().map(of).fold(0, u64::wrapping_add)
    }

    /// Counts all that others have counted, too.
    pub fn add_all(&self, others: &Self) {
        Counter::ALL.iter().for_each(|&counter| self.add(counter, others.get(counter)));
    }

    /// Begins anew.
    pub fn reset(&self) {
        self.0.iter().flat_map(|stripe| &stripe.0).for_each(|counter| counter.store(0, Ordering::Relaxed));
    }
}

/// The tally of a namespace, where what is done is counted.
fn tracked(namespace: Namespace, claim: Claim) -> Option<&'static Tally> {
    if settings::track() { tally::of(namespace, claim) } else { None }
}

/// Counts `more` for the namespace of a key. What stores or removes nothing takes no place in the statistics: anybody
/// can ask for anything.
pub fn count(key: Key, counter: Counter, more: u64) {
    use Counter::{Deletes, Fills, Invalidations, Loads, Sets, Touches, WaitTime, Waits};
    // A role that loads a value, or waits for one, may store it.
    let is_write =
        more > 0 && matches!(counter, Sets | Deletes | Invalidations | Touches | Fills | Loads | Waits | WaitTime);
    if let Some(tally) = tracked(key.namespace(), if is_write { Claim::Used } else { Claim::Missed }) {
        tally.counters.add(counter, more);
    }
}

/// What a read says of a namespace.
fn claim_of(value: Option<Jsonb>) -> Claim {
    if value.is_some() { Claim::Used } else { Claim::Missed }
}

/// Counts a value that was asked for, and what came of it.
pub fn read(key: Key, value: Option<Jsonb>) {
    if let Some(tally) = tracked(key.namespace(), claim_of(value)) {
        tally.read(value);
    }
}

/// Counts a value that may be past its deadline: then it is a miss too, because somebody must compute a new one.
pub fn read_stale(key: Key, value: Option<Jsonb>, is_stale: bool) {
    let Some(tally) = tracked(key.namespace(), claim_of(value)) else { return };
    tally.read(value.filter(|_| !is_stale));
    if let Some(value) = value.filter(|_| is_stale) {
        tally.counters.add(Counter::StaleHits, 1);
        tally.counters.add(Counter::BytesOut, value.size() as u64);
    }
}

/// Counts a value that was written.
pub fn count_written(key: Key, value: Jsonb) {
    if let Some(tally) = tracked(key.namespace(), Claim::Used) {
        tally.counters.add(Counter::Sets, 1);
        tally.counters.add(Counter::BytesIn, value.size() as u64);
    }
}

/// The longest time that is believed to have been spent on a value, or that a row was due for: a day.
pub const LONGEST: i64 = 86_400_000_000;

/// A time in microseconds as it is counted: a row or a token says anything, and one that is out of bounds must not hide
/// all others.
pub fn bounded(micros: i64, most: i64) -> u64 {
    micros.clamp(0, most) as u64
}

/// Counts a value that was computed in so many microseconds.
pub fn count_loaded(key: Key, took: Option<i64>) {
    let Some(took) = took.map(|took| bounded(took, LONGEST)) else { return };
    latency::record(Operation::Load, Duration::from_micros(took));
    count(key, Counter::Loads, 1);
    count(key, Counter::LoadTime, took);
}

/// Counts a value that was to be stored after it had been computed.
pub fn count_filled(key: Key, value: Jsonb, is_stored: bool) {
    if is_stored {
        count(key, Counter::Fills, 1);
        count(key, Counter::BytesIn, value.size() as u64);
    } else {
        count(key, Counter::FillsRefused, 1);
    }
}

/// Counts invalidated tags.
pub fn count_tags(tags: u64) {
    count_in_rest(Counter::TagInvalidations, tags);
}

/// Counts entries deleted by a clear; None: of the whole cache.
pub fn count_deleted(namespace: Option<Namespace>, entries: u64) {
    let claim = if entries > 0 { Claim::Used } else { Claim::Missed };
    match namespace.and_then(|namespace| tracked(namespace, claim)) {
        Some(tally) => tally.counters.add(Counter::Deletes, entries),
        None => count_in_rest(Counter::Deletes, entries),
    }
}

/// Counts an error that was swallowed, of a key or of none.
pub fn count_error(key: Option<Key>) {
    match key {
        Some(key) => count(key, Counter::Errors, 1),
        None => count_in_rest(Counter::Errors, 1),
    }
}

fn count_in_rest(counter: Counter, more: u64) {
    if settings::track()
        && let Some(area) = memory::area()
    {
        area.rest.counters.add(counter, more);
    }
}

impl Tally {
    /// Counts a value that was asked for, and what came of it.
    pub fn read(&self, value: Option<Jsonb>) {
        match value {
            Some(value) => {
                self.counters.add(Counter::Hits, 1);
                self.counters.add(Counter::BytesOut, value.size() as u64);
            }
            None => self.counters.add(Counter::Misses, 1),
        }
    }
}
