//! Counting entries that are written through the executor: by plain SQL, or where a policy or a trigger applies.
//!
//! Owns the row trigger on `cache_entries`. It tells the ledger of the transaction which entries were added or removed,
//! and the sweeper when a row is due. Below the executor no trigger fires, and the writer tells both itself. Must never
//! raise for the content of a row, nor read anything of the table but the row.

use super::file;
use super::growth::{self, Growth};
use crate::catalog::{self, ExtensionTables, column};
use crate::error::{CacheError, ErrorReport};
use crate::pg::{clock, trigger};
use crate::shared::{flags, ranges, refreshes};
use crate::{entry::due_at, heap::Row, namespaces::row_timing};
use cache_pg_rules::key::Key;
use pgrx::prelude::*;

/// The row trigger, after each change. ENABLE ALWAYS: writes with `session_replication_role = replica` count too.
#[pg_extern(sql = false)]
fn cache_entries_changed(call: pg_sys::FunctionCallInfo) -> Result<(), ErrorReport> {
    // SAFETY: the argument of this call.
    let trigger = unsafe { trigger::of(call) }?;
    let data = trigger.trigger_data();
    let operation = trigger.op().map_err(|_| CacheError::NotOwnTrigger)?;
    if !matches!((trigger.level(), trigger.when()), (PgTriggerLevel::Row, Ok(PgTriggerWhen::After))) {
        return Err(CacheError::NotOwnTrigger.into());
    }
    // SAFETY: the relation that the trigger fired on is open.
    let relation = unsafe { &*data.tg_relation };
    let Some(tables) = catalog::tables().filter(|tables| tables.entries == relation.rd_id) else { return Ok(()) };
    catalog::check_version()?;
    if tables.altered.is_some() {
        return Ok(());
    }
    // SAFETY: as above; the slots hold the rows of the event while the trigger runs; the table has its original shape.
    let [first, second] = unsafe {
        file::set_current(data.tg_relation);
        [Row::in_slot(data.tg_trigslot), Row::in_slot(data.tg_newslot)]
    };
    match operation {
        PgTriggerOperation::Insert => record(&tables, None, Some(&first)),
        PgTriggerOperation::Delete => record(&tables, Some(&first), None),
        PgTriggerOperation::Update => record(&tables, Some(&first), Some(&second)),
        PgTriggerOperation::Truncate => {}
    }
    Ok(())
}

/// Tells the sweeper and the ledger about a changed row.
fn record(tables: &ExtensionTables, before: Option<&Row>, after: Option<&Row>) {
    flags::record_write();
    if let Some(row) = after {
        ranges::record(row.page(), due_at(row, clock::now()));
        if let Some((hash, timing)) = row_timing(tables, row) {
            refreshes::record(row.page(), timing.from(hash));
        }
    }
    let key_of = |row: Option<&Row>| row.and_then(|row| row.text(column::KEY)).map(str::to_owned);
    let (old, new) = (key_of(before), key_of(after));
    if old == new {
        return count(tables, old.as_deref(), before, after);
    }
    count(tables, old.as_deref(), before, None);
    count(tables, new.as_deref(), None, after);
}

/// A text that is not a valid key is the key of no entry.
fn count(tables: &ExtensionTables, key: Option<&str>, before: Option<&Row>, after: Option<&Row>) {
    let Some(key) = key.and_then(|key| Key::parse(key).ok()) else { return };
    let weight = |row: Option<&Row>| row.and_then(|row| growth::weight_counted(key.as_str(), row));
    growth::record(tables, key, Growth::from_weights(weight(before), weight(after)));
}
