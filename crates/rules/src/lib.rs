//! Owns the rules of cache_pg that need no PostgreSQL. Must never read a clock, draw a random number, allocate shared
//! memory or log: time and chance are arguments, so a test of a rule waits for nothing, and always gives the same
//! result.
//!
//! | module | the rule it holds |
//! |---|---|
//! | [`key`] | what a key is, and which namespace it belongs to |
//! | [`compose`] | how any texts become a key |
//! | [`namespace`] | what a namespace is, and which keys belong to it |
//! | [`template`] | how a row fills `tenant:{slug}`, and which keys can result |
//! | [`ttl`] | how long an entry may live, and how jitter spreads deadlines |
//! | [`token`] | what a miss returns and a fill sends back |
//! | [`secret`] | what only the server can compute |
//! | [`refresh`] | when a reader computes a value anew before its deadline |
//! | [`ahead`] | when a worker does, for which entries first |
//! | [`counter`] | what counts as an integer |
//! | [`near`] | which messages near caches get |
//! | [`pace`] | how fast the sweeper reads the table |
//! | [`step`] | what one step of a sweep has done |
//! | [`eviction`] | which entries go when there is no room |
//! | [`hand`] | on which page the eviction goes on |
//! | [`recency`] | how the memory of reads is kept while the server is down |
//! | [`ghost`] | what a larger cache would gain |
//! | [`correction`] | how far a full sweep corrects a gauge |
//! | [`ledger`] | which changes of a transaction are left when its subtransactions end |
//! | [`places`] | which slot of the statistics a namespace gets |
//! | [`sample`] | how much to evict where entries are not counted |
//! | [`limit`] | how much a cache may hold, and when to make room |
//! | [`hint`] | where the row of a key was last seen |
//! | [`ranges`] | how a table is divided, so that the sweeper need not read where nothing expires |
//! | [`histogram`] | how durations are counted, and quantiles computed |
//! | [`health`], [`advice`] | whether a cache is in good health, and what to change |
//! | [`release`] | how the version of a schema stands to that of the library |
//! | [`quote`] | how a statement quotes a text |
//! | [`trace`] | which trace a call belongs to |
//! | [`backoff`] | how long to wait after failures |
//! | [`drift`] | whether the clock was set |

pub mod advice;
pub mod ahead;
pub mod backoff;
pub mod compose;
pub mod correction;
pub mod counter;
pub mod drift;
pub mod eviction;
pub mod ghost;
pub mod hand;
pub mod health;
pub mod hint;
pub mod histogram;
pub mod key;
pub mod ledger;
pub mod limit;
pub mod namespace;
pub mod near;
pub mod pace;
pub mod places;
pub mod quote;
pub mod ranges;
pub mod recency;
pub mod refresh;
pub mod release;
pub mod sample;
pub mod secret;
pub mod step;
pub mod template;
pub mod token;
pub mod trace;
pub mod ttl;
