//! The figures from which the recommendations follow.
//!
//! Owns the figures of a namespace, of a limit and of the server. Must never judge them.

use std::time::Duration;

/// The use of a namespace by callers, and its configuration.
#[derive(Debug, Clone, Default)]
pub struct NamespaceUsage {
    /// Its name.
    pub name: String,
    /// Reads that found a value.
    pub hits: u64,
    /// Reads that found none.
    pub misses: u64,
    /// Values written, by blind writes and by fills.
    pub written: u64,
    /// Fills that were refused because the value could have been stale.
    pub refused: u64,
    /// Values that were computed.
    pub loads: u64,
    /// The time that computing them took, in total.
    pub load_time: Duration,
    /// Callers that waited for another caller to compute a value.
    pub waits: u64,
    /// Expired values that were removed.
    pub expired: u64,
    /// Whether it has `stale_for`: it serves expired values while one caller computes a new one.
    pub has_grace: bool,
    /// Whether it has a loader.
    pub has_loader: bool,
    /// Whether workers refresh its entries before their deadline.
    pub refreshes: bool,
    /// Its time to live.
    pub ttl: Duration,
    /// The cost of a limit of its own.
    pub room: Room,
}

/// The cost of a limit on the size.
#[derive(Debug, Clone, Default)]
pub struct Room {
    /// Reads that found a value.
    pub hits: u64,
    /// Reads that found none.
    pub misses: u64,
    /// The part of `misses` that would have been hits in a cache of twice the size.
    pub spared: u64,
    /// Entries evicted.
    pub evicted: u64,
    /// The limit in entries, if there is one.
    pub max_entries: Option<u64>,
    /// The limit in bytes, if there is one.
    pub max_size: Option<u64>,
}

impl Room {
    /// The same with twice the limits.
    pub(super) fn doubled(&self) -> Self {
        let twice = |limit: Option<u64>| limit.map(|most| most.saturating_mul(2));
        Self { max_entries: twice(self.max_entries), max_size: twice(self.max_size), ..*self }
    }
}

/// The state of the server and of the database.
#[derive(Debug, Clone, Default)]
pub struct Server {
    /// Whether the library was preloaded.
    pub is_preloaded: bool,
    /// The value of `shared_preload_libraries`.
    pub preloaded: String,
    /// Operations that were not counted by namespace.
    pub uncounted: u64,
    /// The value of `cache_pg.track_namespaces`.
    pub track_namespaces: u64,
    /// Whether sets wait for the disk although they need not.
    pub waits_for_disk: bool,
    /// Values written.
    pub written: u64,
    /// The cost of the limit of the whole cache for the namespaces without a limit of their own.
    pub room: Room,
}
