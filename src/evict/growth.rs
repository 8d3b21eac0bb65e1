//! What writes add.
//!
//! Owns what an entry is taken to weigh while it is written: its value without compression, because what PostgreSQL
//! makes of it is not known then. The hand weighs it anew when it comes by. Must never wait.

use super::{pending, recency};
use crate::catalog::{ExtensionTables, column};
use crate::entry::served_until;
use crate::heap::row::Row;
use crate::namespaces;
use crate::pg::datum::Jsonb;
use crate::stats::census;
use cache_pg_rules::key::Key;
use cache_pg_rules::ledger::Change;
use cache_pg_rules::limit::Limits;

/// What a row takes beside its key and its value.
const ROW: usize = 72;
/// A value of more bytes than this is stored out of line.
const OUT_OF_LINE: usize = 1900;

/// What an entry weighs, in bytes.
pub fn weight(key: usize, value: usize) -> i64 {
    let (within, out_of_line) = if value > OUT_OF_LINE { (0, value) } else { (value, 0) };
    census::footprint((ROW + key + within) as u64, key, out_of_line as u64) as i64
}

/// What the entry in a row weighs, by the same measure.
pub fn weight_of(key: &str, row: &Row) -> i64 {
    weight(key.len(), row.datum(column::VALUE).map_or(0, |value| Jsonb(value).size()))
}

/// The bytes that a row takes, with its index entry and what it has out of line.
pub fn footprint(row: &Row) -> u64 {
    let value = row.datum(column::VALUE).map_or(0, |value| Jsonb(value).out_of_line_size());
    census::footprint(row.size(), row.text(column::KEY).map_or(0, str::len), value)
}

/// Whether the entry in a row is in what the gauge says. It was added when it was written; but a turn of the hand
/// counts what stays, so a row whose time, with its grace, was over when the last one ended is not in it any more.
fn is_counted(row: &Row) -> bool {
    row.has(column::VALUE) && census::at().is_none_or(|at| served_until(row) > at)
}

/// The entry in a row has gone, with the row.
pub fn record_removal(key: &str, row: &Row) {
    if is_counted(row)
        && let Ok(parsed) = Key::parse(key)
    {
        let change = Change { entries: -1, bytes: -weight_of(key, row) };
        pending::add(parsed.namespace(), Limits::default(), change);
    }
}

/// What the entry in a row weighs in the gauge; None where there is none in it.
pub fn weight_counted(key: &str, row: &Row) -> Option<i64> {
    is_counted(row).then(|| weight_of(key, row))
}

/// What has become of a key's entry in a write.
#[derive(Clone, Copy, Default)]
pub struct Growth(Change);

impl Growth {
    /// From what the row held, if it held a value, to a new value, or to none.
    pub fn of(key: Key, row: Option<&Row>, value: Option<Jsonb>) -> Self {
        let key = key.as_str();
        let before = row.and_then(|row| weight_counted(key, row));
        let after = value.map(|value| weight(key.len(), value.size()));
        Self::from_weights(before, after)
    }

    /// From an entry of this weight, if there was one, to one of that.
    pub fn from_weights(before: Option<i64>, after: Option<i64>) -> Self {
        let entries = i64::from(after.is_some()) - i64::from(before.is_some());
        Self(Change { entries, bytes: after.unwrap_or(0) - before.unwrap_or(0) })
    }
}

/// A write has been done.
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
