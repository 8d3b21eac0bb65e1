//! Owns the test suites of the project: which there are, how each is run, and their results.
//!
//! Must never report a suite as passed that did not run.

pub mod bless;
mod clients;
mod kind;
mod pgspot;
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
pub use runner::{run_and_report, run_installed};
pub use summary::{Outcome, Summary, Verdict};
