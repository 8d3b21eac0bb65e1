//! The setting that says what a function does about an error.
//!
//! Owns this setting. Must never catch an error.

use super::define::settings;
use pgrx::GucContext::Userset;
use pgrx::PostgresGucEnum;

/// How a function treats an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
pub enum Errors {
    /// It raises it.
    #[name = c"raise"]
    Raise,
    /// It answers as if there were no entry, or as if nothing had been written, and reports a warning.
    #[name = c"warn"]
    Warn,
    /// The same, without a warning.
    #[name = c"ignore"]
    Ignore,
}

settings! {
    /// Defines the setting.
    fn register();

    /// Raise: a failed delete that nobody hears of would leave a stale entry.
    ERRORS: Errors = Errors::Raise; Userset; c"cache_pg.errors",
        c"Sets what the functions of the cache do about an error.",
        c"With \"warn\" and \"ignore\" a read is a miss, and a write returns false, 0 or NULL. The transaction goes on. A cancel, a timeout and a shutdown raise all the same.";
}

/// `cache_pg.errors`.
pub fn errors() -> Errors {
    ERRORS.get()
}
