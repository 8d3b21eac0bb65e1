//! Owns the replay of traces through the eviction policy of cache_pg, and through the policies it is compared with.
//! Must never touch a server.
//!
//! | module | what it is |
//! |---|---|
//! | [`trace`] | sequences of requests, generated or read from files |
//! | [`policy`] | FIFO, CLOCK, LRU, SIEVE, S3-FIFO, moka and W-TinyLFU |
//! | [`heap`] | the policy of cache_pg: a table, a hand and the array of bytes |
//! | [`run`] | replays traces through policies |
//! | [`report`] | writes `docs/eviction.md` |

pub mod heap;
pub mod policy;
pub mod report;
pub mod run;
pub mod trace;
