//! What writes add, and who is told when a limit is near.
//!
//! Owns what an entry is taken to weigh while it is written: its value without compression, because what PostgreSQL
//! makes of it is not known then. The hand weighs it anew when it comes by. Must never wait.

use super::recency;
use super::writer::{self, Need};
use crate::access::Access;
use crate::datum::Jsonb;
use crate::heap::row::Row;
use crate::home::column;
use crate::namespaces;
use crate::settings;
use crate::stats::census;
use cache_pg_rules::key::Key;

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

/// The entry in a row has gone, with the row.
pub fn forget(key: &str, row: &Row) {
    if let Ok(parsed) = Key::parse(key) {
        census::change(parsed.namespace(), -1, -weight_of(key, row));
    }
}

/// What has become of a key's entry in a write.
#[derive(Clone, Copy, Default)]
pub struct Growth {
    entries: i64,
    bytes: i64,
}

impl Growth {
    /// From what the row held, if it held a value, to a new value, or to none.
    pub fn of(key: Key, row: Option<&Row>, value: Option<Jsonb>) -> Self {
        let key = key.as_str();
        let before = row.filter(|row| row.has(column::VALUE)).map(|row| weight_of(key, row));
        let after = value.map(|value| weight(key.len(), value.size()));
        let entries = i64::from(after.is_some()) - i64::from(before.is_some());
        Self { entries, bytes: after.unwrap_or(0) - before.unwrap_or(0) }
    }
}

/// A write has been done.
pub fn note(access: &Access, key: Key, Growth { entries, bytes }: Growth) {
    if entries == 0 && bytes == 0 {
        return;
    }
    if entries > 0 {
        recency::insert(key.as_str());
    }
    let namespace = key.namespace();
    let held = census::change(namespace, entries, bytes);
    if entries <= 0 && bytes <= 0 {
        return;
    }
    let need = held.map_or(Need::None, |[own, total]| {
        Need::of(settings::limits(), total).max(Need::of(namespaces::limits(&access.home, namespace), own))
    });
    writer::note_growth(entries.max(0) as u64, need);
}
