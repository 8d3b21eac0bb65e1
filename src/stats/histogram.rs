//! How long operations took, in buckets: the types.
//!
//! Owns which operations are timed, and how often. Must never look at the clock.

use cache_pg_rules::histogram::{BUCKETS, bucket_of};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// An operation that is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// The functions that return values of live entries.
    Get,
    /// The functions that write a value or a deadline.
    Set,
    /// The functions that delete or invalidate.
    Delete,
    /// cache_fill.
    Fill,
    /// Computing a value, in cache_get_or_set or between cache_fetch and cache_fill.
    Load,
    /// A step of the sweeper.
    Sweep,
}

impl Operation {
    /// All of them, in the order in which they are stored.
    pub const ALL: [Self; OPERATIONS] = [Self::Get, Self::Set, Self::Delete, Self::Fill, Self::Load, Self::Sweep];

    /// Its name in the view `cache_latency`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Delete => "delete",
            Self::Fill => "fill",
            Self::Load => "load",
            Self::Sweep => "sweep",
        }
    }

    /// One operation in how many is timed.
    pub fn sampled(self) -> u32 {
        if self == Self::Get { SAMPLED } else { 1 }
    }
}

/// How many operations there are.
pub const OPERATIONS: usize = 6;
/// Two looks at the clock cost as much as the counters.
const SAMPLED: u32 = 16;

/// How long the operations of one kind took.
#[repr(C)]
pub struct Histogram {
    counts: [AtomicU64; BUCKETS],
    /// Nanoseconds of all of them.
    pub total: AtomicU64,
    /// Nanoseconds of the longest.
    pub longest: AtomicU64,
}

impl Histogram {
    /// Counts one operation.
    pub fn record(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket_of(nanoseconds)].fetch_add(1, Ordering::Relaxed);
        self.total.fetch_add(nanoseconds, Ordering::Relaxed);
        if self.longest.load(Ordering::Relaxed) < nanoseconds {
            self.longest.fetch_max(nanoseconds, Ordering::Relaxed);
        }
    }

    /// How many operations there are in each bucket.
    pub fn counts(&self) -> Vec<u64> {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// Sets everything to zero.
    pub fn reset(&self) {
        self.counts.iter().chain([&self.total, &self.longest]).for_each(|count| count.store(0, Ordering::Relaxed));
    }
}
