//! The sweep as a function.

use crate::access::{self, Verb};
use crate::clock;
use crate::durability::may_be_forgotten;
use crate::error::CacheError;
use crate::home::Home;
use crate::settings;
use crate::subtransaction::attempt;
use crate::sweep::{executor, hand};
use pgrx::pg_sys;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::cell::Cell;

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
        let remove = || executor::remove(&access.home, most, clock::now()) as i32;
        // With an old snapshot, a row that the worker has removed since would raise.
        return Ok(if access::has_old_snapshot() { attempt(remove).unwrap_or(0) } else { remove() });
    }
    Ok(may_be_forgotten(&access, |home| sweep(home, most)) as i32)
}

/// Walks on from where the last call in this session ended, once round the table or until `most` rows are removed.
fn sweep(home: &Home, most: u32) -> u32 {
    let mut page = HAND.get().unwrap_or(0);
    let (mut removed, mut walked) = (0, 0);
    while let Some(step) = hand::step(home, page, PAGES, most - removed, clock::now()) {
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
    removed
}
