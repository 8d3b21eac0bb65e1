//! The sweep as a function, and what CREATE EXTENSION says.

use crate::access::{self, Verb};
use crate::clock;
use crate::error::CacheError;
use crate::settings;
use crate::statement::{IntoParam, Statement, statement};
use crate::sweep::{directory, hand};
use pgrx::pg_sys;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{PgXactCallbackEvent, register_xact_callback};
use std::cell::Cell;

static SWEEP: Statement = statement!("sweep.sql", [TIMESTAMPTZOID, INT4OID]);

/// How many pages to walk between two looks at the clock and at interrupts.
const PAGES: u32 = 1024;

thread_local! {
    /// Where this session's hand stands: a batch goes on where the last one ended.
    static HAND: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Removes up to `batch_size` due entries (default: cache_pg.sweep_batch_size) and returns how many; 0 = nothing is
/// due. Never waits on a row: what another transaction holds stays for the next sweep.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_sweep(batch_size: default!(Option<i32>, "NULL")) -> Result<i32, ErrorReport> {
    let most = match batch_size {
        Some(size) if size < 1 => Err(CacheError::NotPositive("batch_size", size))?,
        Some(size) => size as u32,
        None => settings::sweep_batch_size(),
    };
    let access = access::check(Verb::Delete)?;
    // SAFETY: raise where SQL would; the names are literals.
    unsafe {
        pg_sys::PreventCommandIfReadOnly(c"cache_sweep()".as_ptr());
        pg_sys::PreventCommandDuringRecovery(c"cache_sweep()".as_ptr());
    }
    if !access.plain {
        let params = [clock::now().param(), (most as i32).param()];
        return Ok(SWEEP.write(&access.home, &params, |rows| rows.len() as i32));
    }
    let mut page = HAND.get().unwrap_or(0);
    let (mut removed, mut walked) = (0, 0);
    while let Some(step) = hand::step(&access.home, page, PAGES, most - removed, clock::now()) {
        removed += step.removed;
        walked += step.walked;
        page = step.next;
        // A whole turn, wherever it began; an empty table is one too.
        if removed >= most || walked >= step.pages {
            break;
        }
        check_for_interrupts!();
    }
    HAND.set(Some(page));
    Ok(removed as i32)
}

/// Called once, at the end of CREATE EXTENSION: wakes the launcher at the commit, or says what is missing.
#[pg_extern(sql = false)]
fn cache_announce() {
    if directory::attached() {
        register_xact_callback(PgXactCallbackEvent::Commit, directory::announce);
        return;
    }
    ereport!(
        WARNING,
        PgSqlErrorCode::ERRCODE_WARNING,
        "cache_pg is not preloaded: expired entries are never returned, but nothing removes them by itself",
        "Everything else works. To have them removed, add cache_pg to shared_preload_libraries in postgresql.conf \
         (shared_preload_libraries = 'cache_pg') and restart, or, where pg_cron runs in this database: \
         SELECT cron.schedule('cache_pg', '* * * * *', 'SELECT cache_sweep(1000000)');"
    );
}
