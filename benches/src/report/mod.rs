//! Owns the report: tables for the terminal and in Markdown, and a plot.
//!
//! Must never compute anything that [`crate::targets`] or [`crate::statistics`] computes.

mod markdown;
mod plot;
mod svg;
mod table;
mod tables;
mod write;

pub use markdown::{document, summary};
pub use plot::plot;
pub use write::{into_docs, to};
