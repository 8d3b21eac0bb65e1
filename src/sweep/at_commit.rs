//! Eviction by writers at their commit.
//!
//! Owns the case that the sweeper does not keep up, or that there is none: a transaction that has added entries evicts
//! some at its commit. That is after all its other work, so it holds the evicted rows for a moment only, and waits for
//! nothing meanwhile. It goes on where the last eviction stopped. Without shared memory it evicts by a sample
//! ([`sampled`]). Like all maintenance it runs no trigger, rule or policy. Must never make a commit fail, and never run
//! under SERIALIZABLE, where a removal could be a conflict of the caller's.

use super::entries::{self, By, Entries};
use super::{estimate, evictor::Evictor, sampled};
use crate::catalog::{self, ExtensionTables};
use crate::evict::{file, pending, pending::Outlook};
use crate::pg::{AsOwner, backend, contain, under_latest};
use crate::stats::{self, turns};
use crate::{durability::with_async_commit_directly, shared::flags};
use cache_pg_rules::limit::Need;
use pgrx::pg_sys;
use std::cell::Cell;

/// How many entries are evicted for each added entry.
const EVICTIONS_PER_ENTRY: u64 = 2;
/// The most entries that one commit evicts.
const MOST_EVICTIONS: u64 = 1000;
/// The most pages that one commit reads for that.
const MOST_PAGES: u32 = 64;

thread_local! {
    /// Whether the transaction needs room.
    static NEED: Cell<Need> = const { Cell::new(Need::None) };
    /// Whether this session has already warned of a failure.
    static WARNED: Cell<bool> = const { Cell::new(false) };
}

/// At a commit: makes room, or asks the sweeper for it.
pub fn at_end_of_transaction(event: pg_sys::XactEvent::Type) {
    use pg_sys::XactEvent::{
        XACT_EVENT_ABORT, XACT_EVENT_COMMIT, XACT_EVENT_PRE_COMMIT, XACT_EVENT_PRE_PREPARE, XACT_EVENT_PREPARE,
    };
    match event {
        XACT_EVENT_PRE_COMMIT => {
            file::before_commit();
            if let Some(outlook) = pending::outlook() {
                NEED.set(outlook.need);
                if !backend::is_serializable() {
                    make_room(outlook);
                }
            }
        }
        XACT_EVENT_PRE_PREPARE => {
            file::before_commit();
            NEED.set(pending::outlook().map_or(Need::None, |outlook| outlook.need));
        }
        XACT_EVENT_COMMIT | XACT_EVENT_PREPARE => {
            file::at_end(true);
            pending::apply();
            // Only now, because before the commit the sweeper would not see the added entries.
            if NEED.replace(Need::None) > Need::None {
                flags::call_for_room();
            }
        }
        XACT_EVENT_ABORT => {
            file::at_end(false);
            pending::clear();
            NEED.set(Need::None);
        }
        _ => {}
    }
}

fn make_room(outlook: Outlook) {
    if stats::attached() {
        if outlook.need == Need::Broken || !file::is_known() {
            with_entries(|tables, entries| {
                estimate::estimate_if_unknown(entries);
                let Some(Outlook { added, need, .. }) = pending::outlook() else { return };
                NEED.set(need);
                let most = added.saturating_mul(EVICTIONS_PER_ENTRY).min(MOST_EVICTIONS) as u32;
                if let Some(mut evictor) = Evictor::of(tables).filter(|_| need == Need::Broken) {
                    evictor.evict_pages(entries, MOST_PAGES, most);
                }
            });
        }
        return;
    }
    if sampled::is_due(outlook) {
        with_entries(|tables, entries| sampled::evict(tables, entries, outlook.added));
    }
}

/// Runs `work` under a new snapshot, as the owner of the table. Whatever it raises, the commit of the caller goes on. A
/// failure is warned of once in a session, and counted as a failed sweep.
fn with_entries(work: impl FnOnce(&ExtensionTables, &Entries)) {
    let look = || {
        let Ok(tables) = catalog::installed() else { return };
        // The transaction holds a lock on the table already, because it has written to it.
        if tables.may_be_walked && entries::try_lock(&tables) {
            let _owner = AsOwner::new(tables.owner);
            under_latest(|| entries::open(&tables, By::Commit, |entries| work(&tables, entries)));
        }
    };
    // A cancel waits until the transaction has committed, because it came too late. An error resets the count to zero.
    // SAFETY: a variable of this backend.
    let held = unsafe { (&raw const pg_sys::InterruptHoldoffCount).read_volatile() };
    let hold = |count| unsafe {
        // SAFETY: as above.
        (&raw mut pg_sys::InterruptHoldoffCount).write_volatile(count);
    };
    hold(held + 1);
    let outcome = with_async_commit_directly(|| contain(look));
    hold(held);
    if let Err(error) = outcome {
        turns::count_failure(&error);
        if !WARNED.replace(true) {
            pgrx::warning!("cache_pg could not evict entries at commit: {error}");
        }
    }
}
