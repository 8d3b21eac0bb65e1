//! Owns the benchmark: it compares cache_pg with its alternatives, on any machine.
//!
//! | module | what it owns |
//! |---|---|
//! | [`plan`] | the size of a run |
//! | [`contender`] | the contenders, one file each |
//! | [`servers`] | their servers |
//! | [`wire`] | the clients of three protocols |
//! | [`keys`], [`values`], [`operation`] | the requests |
//! | [`load`] | one turn: threads that send requests back to back |
//! | [`measure`] | the measurements: speed, growth, sweeping, and counts |
//! | [`targets`] | the targets, and whether a run meets them |
//! | [`report`] | tables, Markdown and the plot |
//!
//! Must never judge a speed in a test: the tests check only that everything works.

pub mod affinity;
pub mod contender;
pub mod histogram;
pub mod keys;
pub mod load;
pub mod machine;
pub mod measure;
pub mod operation;
pub mod plan;
pub mod random;
pub mod report;
pub mod results;
pub mod servers;
pub mod statistics;
pub mod targets;
pub mod values;
pub mod wire;
