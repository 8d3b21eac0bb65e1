//! Errors, and how they reach the user.
//!
//! Owns every SQLSTATE and text with which the extension reports an error. Must never know another part of the
//! extension.

mod cache_error;
mod detail;
mod loading;
mod report;
mod tag;
mod wording;

pub use cache_error::CacheError;
pub use loading::LoadError;
pub use pgrx::pg_sys::panic::ErrorReport;
pub use report::{report_and_go_on, warn};
pub use tag::TagVerb;
pub use wording::silence_backtraces;
