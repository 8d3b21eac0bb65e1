//! How much a write adds to the cache.
//!
//! Owns the weight of an entry at its write: the size of its value before compression, because the compressed size is
//! not known then. The sweeper weighs it again when it reads the row. Must never wait.

use super::{pending, recency};
use crate::catalog::{ExtensionTables, column};
use crate::entry::{has_value, served_until, stored_value};
use crate::stats::{self, turns};
use crate::{heap::Row, namespaces, pg::Value};
use cache_pg_rules::{key::Key, ledger::Change, limit::Limits};

/// The bytes of a row besides its key and value.
const ROW_OVERHEAD: usize = 72;
/// A value of more bytes is stored out of line.
const OUT_OF_LINE: usize = 1900;

/// The weight of an entry, in bytes.
pub fn weight(key: usize, value: usize) -> i64 {
    let (within, out_of_line) = if value > OUT_OF_LINE { (0, value) } else { (value, 0) };
    stats::footprint((ROW_OVERHEAD + key + within) as u64, key, out_of_line as u64) as i64
}

/// The weight of the entry in a row, by the same measure.
pub fn weight_of(key: &str, row: &Row) -> i64 {
    weight(key.len(), stored_value(row).map_or(0, Value::size))
}

/// The bytes that a row takes, with its index entry and its out-of-line value.
pub fn footprint(row: &Row) -> u64 {
    let value = stored_value(row).map_or(0, Value::out_of_line_size);
    stats::footprint(row.size(), row.text(column::KEY).map_or(0, str::len), value)
}

/// Whether the gauge contains the entry of this row. A write adds it. But each whole turn resets the gauge to the rows
/// that stay, so an entry whose grace had ended by the last one is no longer in it.
fn is_counted(row: &Row) -> bool {
    has_value(row) && turns::counted_at().is_none_or(|at| served_until(row) > at)
}

/// Records that the row of an entry was removed.
pub fn record_removal(key: &str, row: &Row) {
    if is_counted(row)
        && let Ok(parsed) = Key::parse(key)
    {
        let change = Change { entries: -1, bytes: -weight_of(key, row) };
        pending::add(parsed.namespace(), Limits::default(), change);
    }
}

/// The weight of the entry in the gauge. None: the gauge does not contain it.
pub fn weight_counted(key: &str, row: &Row) -> Option<i64> {
    is_counted(row).then(|| weight_of(key, row))
}

/// The change that a write makes to the gauge for one key.
#[derive(Clone, Copy, Default)]
pub struct Growth(Change);

impl Growth {
    /// The change from the content of the row to a new value, or to none.
    pub fn of(key: Key, row: Option<&Row>, value: Option<Value>) -> Self {
        let key = key.as_str();
        let before = row.and_then(|row| weight_counted(key, row));
        let after = value.map(|value| weight(key.len(), value.size()));
        Self::from_weights(before, after)
    }

    /// The change from an entry of the first weight, if there was one, to one of the second.
    pub fn from_weights(before: Option<i64>, after: Option<i64>) -> Self {
        let entries = i64::from(after.is_some()) - i64::from(before.is_some());
        Self(Change { entries, bytes: after.unwrap_or(0) - before.unwrap_or(0) })
    }
}

/// Records a write.
pub fn record(tables: &ExtensionTables, key: Key, Growth(change): Growth) {
    if change.is_none() {
        return;
    }
    if change.entries > 0 {
        recency::insert(key.as_str());
    }
    let namespace = key.namespace();
    pending::add(namespace, namespaces::limits(tables, namespace), change);
}
