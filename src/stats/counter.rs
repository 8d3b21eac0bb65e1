//! The counters: what each is called, and the words that hold them.
//!
//! Owns the one list of counters. The functions that count use [`Counter`], the file holds the counters in the order of
//! the list, and the views of `sql/stats.sql` read them by name. Must never lock.

use crate::pg::backend;
use std::sync::atomic::{AtomicU64, Ordering};

/// Declares the counters, in the order in which they are stored, each with its name in SQL.
macro_rules! counters {
    ($($(#[$doc:meta])* $counter:ident = $name:literal,)*) => {
        /// A counter of a namespace.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Counter { $($(#[$doc])* $counter,)* }

        impl Counter {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$counter,)*];

            /// The name by which the views read it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$counter => $name,)* }
            }
        }
    };
}

counters! {
    /// Reads that found a live value.
    Hits = "hits",
    /// Reads that found none.
    Misses = "misses",
    /// Values served past their deadline, within `stale_for`: misses too.
    StaleHits = "stale_hits",
    /// Values written, except by cache_fill and cache_get_or_set.
    Sets = "sets",
    /// Keys deleted by the functions that delete.
    Deletes = "deletes",
    /// Keys deleted because a row of a watched table has changed.
    Invalidations = "invalidations",
    /// Tags invalidated; they belong to no namespace.
    TagInvalidations = "tag_invalidations",
    /// New deadlines for a value.
    Touches = "touches",
    /// Computed values that were stored.
    Fills = "fills",
    /// Computed values that were refused, because they could have been stale.
    FillsRefused = "fills_refused",
    /// Values that were computed, in cache_get_or_set or between cache_fetch and cache_fill.
    Loads = "loads",
    /// How long it took to compute them, in microseconds.
    LoadTime = "load_us",
    /// Callers that waited for a value which another backend computed.
    Waits = "waits",
    /// How long callers waited for such a value, in microseconds.
    WaitTime = "wait_us",
    /// Entries that were removed after their deadline.
    Expired = "expired",
    /// Live entries that were removed to make room.
    Evicted = "evicted",
    /// The ages of the evicted entries since they were written, added up, in microseconds.
    EvictedAge = "evicted_age_us",
    /// Misses that would have been hits in a cache of one and a half times the size.
    Spared150 = "spared_150",
    /// Further misses that would have been hits in a cache of twice the size.
    Spared200 = "spared_200",
    /// Further misses that would have been hits in a cache of four times the size.
    Spared400 = "spared_400",
    /// Errors that cache_get_or_null and cache_try_set swallowed.
    Errors = "errors",
    /// Bytes of values written.
    BytesIn = "bytes_in",
    /// Bytes of values returned.
    BytesOut = "bytes_out",
    /// Computed values that were refused because an open transaction had cleared their namespace, or the whole cache.
    FillsBarred = "fills_barred",
    /// Values that workers computed and stored before their deadline: loads and fills too.
    Refreshes = "refreshes",
    /// Values that workers computed, and that were refused because they could have been stale.
    RefreshesRefused = "refreshes_refused",
    /// Loads of workers for which the loader returned NULL.
    RefreshesNull = "refreshes_null",
    /// Loads of workers that failed.
    RefreshErrors = "refresh_errors",
    /// Values of keys that were in line to be warmed: loads and fills too.
    Warmed = "warmed",
}

/// How many counters there are.
const COUNTERS: usize = Counter::ALL.len();
/// How many sets of counters a namespace has: backends that use different ones do not contend for cache lines.
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

    /// Adds what others have counted.
    pub fn add_all(&self, others: &Self) {
        Counter::ALL.iter().for_each(|&counter| self.add(counter, others.get(counter)));
    }

    /// Sets everything to zero.
    pub fn reset(&self) {
        self.0.iter().flat_map(|stripe| &stripe.0).for_each(|counter| counter.store(0, Ordering::Relaxed));
    }
}
