//! Owns the names of the contenders that ratios and targets are made of. Must never name one that no ratio needs.

/// The floor of the protocol.
pub const FLOOR: &str = "SELECT $1";
/// This project, at its defaults.
pub const CACHE_PG: &str = "cache_pg";
/// This project, without waiting for the disk at all.
pub const CACHE_PG_ASYNC: &str = "cache_pg, async";
/// This project, without WAL.
pub const CACHE_PG_UNLOGGED: &str = "cache_pg, unlogged";
/// What people write by hand, at its defaults.
pub const BY_HAND: &str = "by hand";
/// The same without waiting for the disk.
pub const BY_HAND_ASYNC: &str = "by hand, async";
/// The same without WAL.
pub const BY_HAND_UNLOGGED: &str = "by hand, unlogged";
/// Redis without persistence.
pub const REDIS: &str = "Redis";
