//! The benchmark: cache_pg beside what people use instead, on whatever machine it finds.
//!
//! | module | |
//! |---|---|
//! | [`plan`] | how large a run is |
//! | [`contender`] | what is compared, one file each |
//! | [`servers`] | the servers that they are on |
//! | [`wire`] | the one client for all: three protocols |
//! | [`keys`], [`values`], [`operation`] | what is asked |
//! | [`load`] | one turn: threads that ask as fast as they are answered |
//! | [`measure`] | what is measured: speed, growth, sweeping, and what can be counted |
//! | [`targets`] | what it must show |
//! | [`report`] | tables, Markdown and the plot |
//!
//! Must never say how fast something is in a test: the tests see only that everything works.

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
