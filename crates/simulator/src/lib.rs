//! Replays traces through the eviction policy of cache_pg, and through the policies that it is measured by.
//!
//! | module | what it is |
//! |---|---|
//! | [`trace`] | sequences of requests, generated or read from files |
//! | [`policy`] | FIFO, CLOCK, LRU, SIEVE, S3-FIFO, moka and W-TinyLFU |
//! | [`heap`] | ours: a table, a hand and the array of bytes |
//! | [`run`] | sends traces through policies |
//! | [`report`] | writes `docs/eviction.md` |

pub mod heap;
pub mod policy;
pub mod report;
pub mod run;
pub mod trace;
