//! The figures that the checks judge, and their thresholds.
//!
//! Owns the readings, the thresholds and the amounts below which nothing is judged. Must never judge itself.

use std::time::Duration;

/// At least this many events must have been counted before their shares are judged.
pub const ENOUGH: u64 = 100;

/// Files of fewer bytes than this are never too large.
pub const SMALL_FILES: u64 = 16 << 20;

/// A gauge that is wrong by at most this many entries is right enough.
pub const FEW_ENTRIES: u64 = 1_000;

/// Fewer dead or expired rows than this are never too many.
pub const FEW_ROWS: u64 = 10_000;

/// The settings `cache_pg.health_*`: a check warns beyond its threshold.
#[derive(Debug, Clone, Copy)]
pub struct Thresholds {
    /// The lowest share of hits among reads, 0 to 1.
    pub hit_ratio: f64,
    /// The longest 99th percentile of gets.
    pub latency: Duration,
    /// The longest time since the last full sweep.
    pub sweep_lag: Duration,
    /// The largest share of expired rows, 0 to 1.
    pub expired_share: f64,
    /// The largest share of dead rows, 0 to 1.
    pub dead_share: f64,
    /// The largest ratio of the size of the files to the size of the rows in them.
    pub bloat: f64,
    /// The longest time that a transaction may keep vacuum from removing dead rows.
    pub transaction_age: Duration,
    /// The largest entry, in bytes.
    pub entry_size: u64,
    /// The largest share of values that are never read, 0 to 1.
    pub unread_share: f64,
    /// The largest age of the tables, in transactions.
    pub wraparound_age: u64,
}

/// The state of the cache, as the extension read it.
#[derive(Debug, Clone, Default)]
pub struct Readings {
    /// The version of the schema in this database, and that of the library.
    pub versions: (String, String),
    /// Whether the library was preloaded. Otherwise most of what follows is unknown.
    pub is_preloaded: bool,
    /// Whether the launcher runs.
    pub has_worker: bool,
    /// Whether the launcher may start sweepers (`cache_pg.max_workers`).
    pub may_sweep: bool,
    /// Reads that found a value.
    pub hits: u64,
    /// Reads that found none.
    pub misses: u64,
    /// The 99th percentile of gets.
    pub latency: Option<Duration>,
    /// Failures of the sweeper in a row.
    pub failures: u32,
    /// The message of the last failure.
    pub last_error: Option<String>,
    /// The time since the last full sweep, or since the server started where there was none.
    pub last_turn: Option<Duration>,
    /// Live entries and expired rows, as the sweeper last counted them.
    pub entries: Option<(u64, u64)>,
    /// The namespace of the largest entry, and the size of that in bytes.
    pub largest: Option<(String, u64)>,
    /// The namespace with the largest share of values that are never read, and a lower bound of that share.
    pub unread: Option<(String, f64)>,
    /// Reads and writes that were not counted by namespace, because there was no place left.
    pub uncounted: u64,
    /// Foreign keys that point at entries, each with its table.
    pub references: Vec<String>,
    /// Columns that templates of watched tables name but that do not exist or have no usable text, each with its table.
    pub missing_columns: Vec<String>,
    /// Watched tables, and tables below these, of which some changes are not seen.
    pub unwatched_tables: Vec<String>,
    /// Rows in the table that some transaction can see.
    pub live_rows: u64,
    /// Rows that vacuum can remove.
    pub dead_rows: u64,
    /// The bytes of the table with its indexes and TOAST table, and of the rows in it as the sweeper counted them.
    pub files: Option<(u64, u64)>,
    /// The statement that ends the transaction which holds vacuum back, and the age of that transaction.
    pub oldest: Option<(String, Duration)>,
    /// The age of the oldest table, in transactions.
    pub age: u64,
    /// The current size and the limits, in words.
    pub room: String,
    /// The current size as a multiple of the tighter limit.
    pub fill: Option<f64>,
    /// The multiple of the limit that may be held for a short time (`cache_pg.eviction_factor`).
    pub overshoot: f64,
    /// The gauge at the end of the last full sweep, and the entries that this sweep counted.
    pub gauge: Option<(u64, u64)>,
    /// How refresh ahead works.
    pub refreshing: Refreshing,
}

/// How refresh ahead works.
#[derive(Debug, Clone, Default)]
pub struct Refreshing {
    /// Whether some namespace with a loader has `refresh_ahead` or `warm`, or is being warmed.
    pub is_used: bool,
    /// The namespaces with `refresh_ahead` or `warm` and without a loader.
    pub lacking_loader: Vec<String>,
    /// Whether the launcher may start loaders (`cache_pg.max_loaders`).
    pub may_load: bool,
    /// Whether it is known which entries were read (`cache_pg.recency_memory`), if that is needed.
    pub knows_reads: bool,
    /// The namespace whose loads fail most, in words with the last error, and how often in a row.
    pub failing: Option<(String, u32)>,
    /// The namespaces whose loads take longer than their `refresh_ahead` on average.
    pub slow: Vec<String>,
}
