//! The function that trades what a crash keeps for speed. EXECUTE is the owner's to grant.

use crate::catalog;
use crate::configuring;
use crate::persistence;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Makes all tables of the cache logged or unlogged, in one transaction, and returns which they are; without a mode it
/// only says so. The tables are rewritten under an ACCESS EXCLUSIVE lock.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_persistence(mode: default!(Option<&str>, "NULL")) -> Result<&'static str, ErrorReport> {
    let tables = catalog::installed()?;
    if let Some(mode) = mode {
        configuring::refuse_if_restricted("cache_persistence")?;
        persistence::change(&tables, mode.parse()?)?;
    }
    Ok(persistence::current().name())
}
