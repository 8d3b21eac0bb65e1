//! Owns the names of the contenders in ratios and targets. Must never name one that no ratio needs.

/// The fastest request over SQL.
pub const FLOOR: &str = "SELECT $1";
/// cache_pg at its defaults.
pub const CACHE_PG: &str = "cache_pg";
/// cache_pg without waiting for the disk at all.
pub const CACHE_PG_ASYNC: &str = "cache_pg, async";
/// cache_pg without WAL.
pub const CACHE_PG_UNLOGGED: &str = "cache_pg, unlogged";
/// The hand-written cache at its defaults.
pub const BY_HAND: &str = "by hand";
/// The same without waiting for the disk.
pub const BY_HAND_ASYNC: &str = "by hand, async";
/// The same without WAL.
pub const BY_HAND_UNLOGGED: &str = "by hand, unlogged";
/// Redis without persistence.
pub const REDIS: &str = "Redis";
