//! Errors, and how they reach the user.
//!
//! | module | what it owns |
//! |---|---|
//! | [`cache_error`] | every error with its SQLSTATE and message |
//! | [`detail`], [`hint`] | the rest of its text |
//! | [`loading`], [`tag`] | the errors of queries and loaders, and of row security on tags |
//! | [`report`] | errors and warnings as PostgreSQL reports them |
//! | [`wording`] | names and reasons in messages |
//!
//! Nothing here knows another part of the extension.

mod cache_error;
mod detail;
mod hint;
mod loading;
mod report;
mod tag;
mod wording;

pub use cache_error::CacheError;
pub use loading::LoadError;
pub use pgrx::pg_sys::panic::ErrorReport;
pub use report::warn;
pub use tag::TagVerb;
pub use wording::silence_backtraces;
