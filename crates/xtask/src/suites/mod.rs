//! Owns the test suites of the project: which there are, how each is run, and their results.
//!
//! Must never report a suite as passed that did not run.

pub mod bless;
mod clients;
mod execution;
mod image;
mod jailed;
mod kind;
mod package;
mod pgspot;
mod plan;
mod programs;
mod regress;
pub mod releases;
mod results;
mod runner;
mod statements;
mod summary;
mod versions;

pub use clients::packages as client_packages;
pub use kind::Suite;
pub use programs::bench;
pub use regress::golden_under;
pub use runner::{run_and_report, run_installed};
pub use summary::{Outcome, Summary, Verdict};
