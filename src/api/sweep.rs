//! The sweep as a function.
//!
//! Maintenance, like VACUUM: no trigger and no rule fires. But where row security applies to the caller, it reaches no
//! further than what the caller sees.

use crate::access::{self, Verb};
use crate::catalog::ExtensionTables;
use crate::durability::with_async_commit_directly;
use crate::entry::latest_lease;
use crate::error::CacheError;
use crate::heap::snapshot::see_own_work;
use crate::pg::active_snapshot::under_latest;
use crate::pg::backend;
use crate::pg::clock;
use crate::settings;
use crate::statement::{IntoParam, Statement, statement};
use crate::sweep::{hand, tags};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::cell::Cell;
use std::collections::HashSet;
use std::time::Instant;

static DUE: Statement = statement!("due.sql", [TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID]);

/// How many pages to walk between two looks at the clock and at interrupts.
const PAGES: u32 = 1024;

thread_local! {
    /// Where this session's hand stands: a batch goes on where the last one ended.
    static HAND: Cell<Option<u32>> = const { Cell::new(None) };
    /// When this session last made a round over the tags.
    static COLLECTED: Cell<Option<Instant>> = const { Cell::new(None) };
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
    if !access.tables.may_be_walked {
        Err(CacheError::Altered("cache_entries"))?;
    }
    let only = access.is_under_policies.then(|| visible(&access.tables, most));
    Ok(with_async_commit_directly(|| sweep(&access.tables, only.as_ref(), most))? as i32)
}

/// The keys of rows that are due, as far as the policies let the caller see them.
fn visible(tables: &ExtensionTables, most: u32) -> HashSet<String> {
    let now = clock::now();
    let params = [now.param(), (most as i32).param(), latest_lease(now).param()];
    DUE.read(tables, &params, |rows| rows.column(1).into_iter().collect())
}

/// Walks on from where the last call in this session ended, once round the table or until `most` rows are removed;
/// `only`: the only keys that may go.
fn sweep(tables: &ExtensionTables, only: Option<&HashSet<String>>, most: u32) -> Result<u32, CacheError> {
    if only.is_some_and(HashSet::is_empty) {
        return Ok(0);
    }
    let mut page = HAND.get().unwrap_or(0);
    let (mut removed, mut walked) = (0, 0);
    loop {
        // What this very statement has replaced is not for the hand to remove.
        see_own_work();
        let Some(step) = under_latest(|| hand::step(tables, only, page, PAGES, most - removed, clock::now())) else {
            break;
        };
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
    let collects = page == 0 && !backend::has_old_snapshot();
    if collects && COLLECTED.get().is_none_or(|last| last.elapsed() > tags::EVERY) {
        COLLECTED.set(Some(Instant::now()));
        tags::collect(tables)?;
    }
    Ok(removed)
}
