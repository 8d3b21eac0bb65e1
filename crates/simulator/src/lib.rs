//! Owns the replay of traces through the eviction policy of cache_pg, and through the policies it is compared with, and
//! the comparison of rules that foresee demand. Must never touch a server.
//!
//! | module | what it is |
//! |---|---|
//! | [`trace`] | sequences of requests, generated or read from files |
//! | [`policy`] | FIFO, CLOCK, LRU, SIEVE, S3-FIFO, moka and W-TinyLFU |
//! | [`heap`] | the policy of cache_pg: a table, a hand and the array of bytes |
//! | [`run`] | replays traces through policies |
//! | [`report`] | writes `docs/eviction.md` |
//! | [`timed`] | demands with times, generated or read from files |
//! | [`foresight`] | rules that load keys before they are asked for; writes `docs/foreseen-demand.md` |

pub mod foresight;
pub mod heap;
pub mod policy;
pub mod report;
pub mod run;
pub mod timed;
pub mod trace;
