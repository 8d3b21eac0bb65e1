//! The SQL functions.
//!
//! Owns the signature of each function, its volatility and its parallel safety. It parses arguments into types that
//! cannot be wrong, checks access, calls the [`crate::store`], and counts the outcome. Must never do anything else. The
//! contract is in `docs/reference.md`.

mod answer;
mod arguments;
pub mod configure;
pub mod delete;
pub mod fetch;
pub mod install;
pub mod lock;
pub mod monitor;
pub mod read;
pub mod read_many;
pub mod read_through;
pub mod sweep;
pub mod tags;
pub mod touch;
pub mod warm;
mod warm_outcome;
mod warm_wait;
pub mod watch;
pub mod write;
pub mod write_many;

use crate::pg::{Format, Value};
use crate::{error::CacheError, evict, stats};
use cache_pg_rules::key::Key;

/// Records that a value was requested, and whether it was found.
fn record_read(key: Key, value: Option<Value>) {
    stats::count_read(key, value);
    evict::record_read(key, value.is_some());
}

/// A value in the format that a function returns.
///
/// # Errors
/// [`CacheError::HoldsBytes`].
fn formatted<F: Format>(key: Key, value: Option<Value>) -> Result<Option<F>, CacheError> {
    value.map(|value| F::of(value).ok_or_else(|| CacheError::HoldsBytes(key.as_str().into()))).transpose()
}
