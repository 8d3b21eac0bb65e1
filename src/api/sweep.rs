//! The sweep as a function.
//!
//! Owns `cache_sweep`. It is maintenance, like VACUUM: no trigger and no rule fires. Must never remove a row that the
//! caller may not see, where row security applies to the caller.

use super::answer::answer_with_warning;
use crate::access::{self, Verb};
use crate::error::{CacheError, ErrorReport};
use crate::pg::{backend, clock, under_latest};
use crate::statement::{IntoParam, Statement, statement};
use crate::sweep::{hand, tags};
use crate::{
    catalog::ExtensionTables, durability::with_async_commit_directly, entry::latest_lease,
    heap::snapshot::see_own_work, settings,
};
use pgrx::prelude::*;
use std::{cell::Cell, collections::HashSet, time::Instant};

static DUE: Statement = statement!("due.sql", [TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID]);

/// How many pages to read between two checks for interrupts and of the time.
const STEP_PAGES: u32 = 1024;

thread_local! {
    /// The page at which the next call of this session begins.
    static NEXT_PAGE: Cell<Option<u32>> = const { Cell::new(None) };
    /// When this session last collected tags.
    static COLLECTED_AT: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Removes up to `batch_size` due entries (default: cache_pg.sweep_batch_size); returns how many. 0: nothing is due.
/// Never waits for a row: one that another transaction holds is left to the next sweep.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_sweep(batch_size: default!(Option<i32>, "NULL")) -> Result<i32, ErrorReport> {
    answer_with_warning(|| {
        let most = match batch_size {
            Some(size) if size < 1 => return Err(CacheError::NotPositive("batch_size", size)),
            Some(size) => size as u32,
            None => settings::sweep_batch_size(),
        };
        let access = access::check(Verb::Delete)?;
        if !access.tables.may_be_walked {
            return Err(CacheError::Altered("cache_entries"));
        }
        let only = access.is_under_policies.then(|| visible_due_keys(&access.tables, most));
        Ok(with_async_commit_directly(|| sweep(&access.tables, only.as_ref(), most))? as i32)
    })
}

/// The keys of due rows that the policies let the caller see.
fn visible_due_keys(tables: &ExtensionTables, most: u32) -> HashSet<String> {
    let now = clock::now();
    let params = [now.param(), (most as i32).param(), latest_lease(now).param()];
    DUE.read(tables, &params, |rows| rows.column(1).into_iter().collect())
}

/// Walks from where the last call in this session ended, once round the table or until `most` rows are removed. `only`:
/// the only keys that may be removed.
fn sweep(tables: &ExtensionTables, only: Option<&HashSet<String>>, most: u32) -> Result<u32, CacheError> {
    if only.is_some_and(HashSet::is_empty) {
        return Ok(0);
    }
    let mut page = NEXT_PAGE.get().unwrap_or(0);
    let (mut removed, mut walked) = (0, 0);
    loop {
        // Rows that this statement itself has replaced are not swept.
        see_own_work();
        let Some(step) = under_latest(|| hand::step(tables, only, page, STEP_PAGES, most - removed, clock::now()))
        else {
            break;
        };
        removed += step.removed;
        walked += step.walked;
        page = step.next;
        // A whole turn, whatever page it began at. For an empty table one step is a turn.
        if removed >= most || walked >= step.pages {
            break;
        }
        check_for_interrupts!();
    }
    NEXT_PAGE.set(Some(page));
    let collects = page == 0 && !backend::has_old_snapshot();
    if collects && COLLECTED_AT.get().is_none_or(|last| last.elapsed() > tags::COLLECT_EVERY) {
        COLLECTED_AT.set(Some(Instant::now()));
        tags::collect(tables)?;
    }
    Ok(removed)
}
