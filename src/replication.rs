//! Rows that a subscription applies to the tables of the cache.
//!
//! Entries, tags and versions of another server mean nothing here, because they carry its transaction IDs. Owns the
//! triggers that skip such rows one by one, so that the subscription goes on with the other tables. Must never skip a
//! row that this server's own triggers and functions write while a change is applied.

use crate::error::{CacheError, ErrorReport};
use crate::{access, catalog, pg::trigger, statement, store};
use pgrx::prelude::*;
use pgrx::{AnyElement, pg_sys};

/// The row trigger on all tables of the extension, before each change. It is enabled for replicas only.
#[pg_extern(sql = false)]
fn cache_applied_ignored(call: pg_sys::FunctionCallInfo) -> Result<AnyElement, ErrorReport> {
    // SAFETY: the argument of this call.
    let trigger = unsafe { trigger::of(call) }?;
    if !matches!((trigger.level(), trigger.when()), (PgTriggerLevel::Row, Ok(PgTriggerWhen::Before))) {
        return Err(CacheError::NotOwnTrigger.into());
    }
    let data = trigger.trigger_data();
    let row = match trigger.op() {
        _ if is_applied_by_subscription() => std::ptr::null_mut(),
        Ok(PgTriggerOperation::Update) => data.tg_newtuple,
        _ => data.tg_trigtuple,
    };
    Ok(trigger::returned(row.into())?)
}

/// Whether the subscription itself writes the row, not a trigger or function that it has caused to run.
fn is_applied_by_subscription() -> bool {
    // SAFETY: reads this process's state.
    unsafe { pg_sys::IsLogicalWorker() && statement::is_fired_by_no_statement() }
}

/// The statement trigger after a TRUNCATE of `cache_tags`, which no trigger can skip. Without the generations of the
/// tags invalidated entries would be live again, and without the fences a late value would be stored. So it clears the
/// cache.
#[pg_extern(sql = false)]
fn cache_tags_truncated(call: pg_sys::FunctionCallInfo) -> Result<(), ErrorReport> {
    // SAFETY: the argument of this call.
    let trigger = unsafe { trigger::of(call) }?;
    if !matches!(trigger.op(), Ok(PgTriggerOperation::Truncate)) {
        return Err(CacheError::NotOwnTrigger.into());
    }
    // SAFETY: the relation that the trigger fired on is open.
    let table = unsafe { (*trigger.trigger_data().tg_relation).rd_id };
    if catalog::tables().is_some_and(|tables| tables.tags == table) {
        store::clear_namespace(&access::of_the_cache()?, None)?;
    }
    Ok(())
}
