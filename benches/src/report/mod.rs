//! What a person reads: tables on the terminal and in Markdown, and a plot.
//!
//! Must never compute anything that [`crate::targets`] or [`crate::statistics`] does.

mod markdown;
mod plot;
mod svg;
mod table;
mod write;

pub use markdown::{document, summary};
pub use plot::plot;
pub use write::{into_docs, to};
