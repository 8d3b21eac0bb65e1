//! Keys of a namespace, or all keys, in byte order.
//!
//! Owns the bounds of a namespace. Must never skip a fill that is not committed yet.

use crate::catalog::column;
use crate::heap::{Scan, Table, View};
use crate::statement::{IntoParam, Param};
use cache_pg_rules::key::Key;
use cache_pg_rules::namespace::{KeyRange, Namespace};

/// How many keys one batch reads.
const BATCH: usize = 1000;

/// A range as three parameters: its start, its end, and whether only keys without a namespace count.
pub fn bounds(range: &KeyRange) -> [Param; 3] {
    [range.from.as_str().param(), range.before.as_str().param(), range.unnamed.param()]
}

/// The keys of all rows of a range, a batch at a time: of committed rows, dead versions, and fills not committed yet.
pub struct Keys<'a> {
    range: &'a KeyRange,
    /// Where the next batch begins.
    from: String,
    exhausted: bool,
}

impl<'a> Keys<'a> {
    /// The keys of `range`.
    pub fn new(range: &'a KeyRange) -> Self {
        Self { range, from: range.from.clone(), exhausted: false }
    }

    /// The next batch; None after the last one.
    pub fn next_batch(&mut self, table: &Table) -> Option<Vec<String>> {
        if self.exhausted {
            return None;
        }
        let mut batch: Vec<String> = Vec::new();
        let mut scan = Scan::open_range(table, View::Everything);
        scan.seek_range(&self.from, &self.range.before);
        let mut last = None;
        while batch.len() < BATCH {
            let Some(row) = scan.next() else {
                self.exhausted = true;
                break;
            };
            // Other uncommitted writes commit after this transaction, if they commit.
            if row.is_uncommitted_of_others() && !row.has(column::LOAD_US) {
                continue;
            }
            let Some(key) = row.get::<String>(column::KEY).filter(|key| last.as_ref() != Some(key)) else { continue };
            last = Some(key);
            batch.extend(last.clone().filter(|key| !self.range.unnamed || is_unnamed(key)));
        }
        scan.close();
        if let Some(last) = last {
            // The least text after `last`. No key contains this character.
            self.from = last + "\u{1}";
        }
        Some(batch)
    }
}

fn is_unnamed(key: &str) -> bool {
    Key::parse(key).is_ok_and(|key| key.namespace() == Namespace::UNNAMED)
}
