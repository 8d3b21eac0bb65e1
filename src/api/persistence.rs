//! The function that makes the cache logged or unlogged. The owner may grant EXECUTE on it.
//!
//! Owns `cache_persistence`. Must never rewrite the tables in a security-restricted operation.

use crate::error::ErrorReport;
use crate::{catalog, configuring, persistence};
use pgrx::prelude::*;

/// Makes all tables of the cache logged or unlogged, in one transaction; returns which they are. Without a mode it
/// changes nothing. It rewrites the tables under an ACCESS EXCLUSIVE lock.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_persistence(mode: default!(Option<&str>, "NULL")) -> Result<&'static str, ErrorReport> {
    let tables = catalog::installed()?;
    if let Some(mode) = mode {
        configuring::refuse_if_restricted("cache_persistence")?;
        persistence::change(&tables, mode.parse()?)?;
    }
    Ok(persistence::current().name())
}
