//! The rules of cache_pg that need no PostgreSQL.
//!
//! | module | the rule it holds |
//! |---|---|
//! | [`key`] | what a key is, and which namespace it belongs to |
//! | [`namespace`] | what a namespace is, and which keys belong to it |
//! | [`template`] | what a row makes of `tenant:{slug}`, and which keys can come of it |
//! | [`ttl`] | how long an entry may live, and how jitter spreads deadlines |
//! | [`token`] | what a miss hands out and a fill brings back |
//! | [`secret`] | what only the server can compute |
//! | [`refresh`] | when to compute a value anew before its deadline |
//! | [`counter`] | what counts as an integer |
//! | [`near`] | what near caches are told |
//! | [`pace`] | how fast the clock hand walks the table |
//! | [`step`] | what one step of a sweep has done |
//! | [`eviction`] | which entries go when there is no room |
//! | [`ghost`] | what more room would give |
//! | [`correction`] | how far a turn of the sweeper corrects what a gauge says |
//! | [`ledger`] | what is left of a transaction's changes when its subtransactions end |
//! | [`places`] | which namespace gives its place in the statistics to another one |
//! | [`sample`] | what goes where nobody knows how much there is |
//! | [`limit`] | when to make room, and how much |
//! | [`hint`] | where the row of a key was seen last |
//! | [`ranges`] | how a table is divided, so that the hand need not read where nothing is due |
//! | [`histogram`] | how durations are counted, so that any quantile can be told |
//! | [`health`], [`advice`] | what is well with a cache, and what to change |
//! | [`quote`] | how a statement has a text |
//! | [`trace`] | which trace a call belongs to |
//! | [`backoff`] | how long to wait after failures |
//! | [`drift`] | whether somebody has set the clock |
//!
//! Nothing here reads a clock, draws a random number, allocates shared memory or logs: time and chance come in
//! as arguments, so every rule is tested without waiting and without luck.

pub mod advice;
pub mod backoff;
pub mod correction;
pub mod counter;
pub mod drift;
pub mod eviction;
pub mod ghost;
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
pub mod refresh;
pub mod sample;
pub mod secret;
pub mod step;
pub mod template;
pub mod token;
pub mod trace;
pub mod ttl;
