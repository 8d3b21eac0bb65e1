//! The checks and messages of CREATE EXTENSION.
//!
//! Owns what CREATE EXTENSION checks, and what it says to the user. Must never fail because the library is not
//! preloaded.

use crate::catalog;
use crate::error::{self, CacheError, ErrorReport};
use crate::{shared::directory, stats::DatabaseStats};
use pgrx::prelude::*;
use pgrx::{PgXactCallbackEvent, pg_sys, register_xact_callback};

/// Runs once, at the end of CREATE EXTENSION. Refuses a database that cannot hold a cache, and wakes the launcher at
/// the commit. If the library is not preloaded, it warns of what is missing.
#[pg_extern(sql = false)]
fn cache_announce() -> Result<(), ErrorReport> {
    // SAFETY: reads a global that is set when the backend connects.
    if unsafe { pg_sys::GetDatabaseEncoding() } != pg_sys::pg_enc::PG_UTF8 as i32 {
        Err(CacheError::Encoding)?;
    }
    // A server that still has the old library can find the script of a newer version.
    catalog::check_version()?;
    if let Some(database) = DatabaseStats::mine() {
        database.begin();
    }
    if directory::attached() {
        register_xact_callback(PgXactCallbackEvent::Commit, directory::announce);
        return Ok(());
    }
    error::warn(
        PgSqlErrorCode::ERRCODE_WARNING,
        "cache_pg is not preloaded, so no worker removes expired entries",
        "Expired entries are never returned, but their rows stay. There are no statistics. Everything else works.",
        "Add cache_pg to shared_preload_libraries in postgresql.conf (shared_preload_libraries = 'cache_pg') and \
         restart. If pg_cron runs in this database, you can instead run \
         SELECT cron.schedule('cache_pg', '* * * * *', 'SELECT cache_sweep(1000000)');",
    );
    Ok(())
}
