//! Keys of a namespace, or all keys, in byte order.
//!
//! Owns the bounds of a namespace. Must never skip a fill that is not committed yet.

use crate::catalog::column;
use crate::heap::{Scan, Table, View};
use crate::statement::{IntoParam, Param};
use cache_pg_rules::key::{Key, MAX_KEY_BYTES};
use cache_pg_rules::namespace::{KeyRange, Namespace};

/// How many keys one batch reads.
const BATCH: usize = 1000;

/// A range as three parameters: its start, its end, and whether only keys without a namespace count.
pub fn bounds(range: Option<KeyRange>) -> [Param; 3] {
    let Keys { from, before, unnamed, .. } = Keys::new(range);
    [from.param(), before.param(), unnamed.param()]
}

/// The keys of all rows of a range, a batch at a time: of committed rows, dead versions, and fills not committed yet.
pub struct Keys {
    from: String,
    before: String,
    unnamed: bool,
    exhausted: bool,
}

impl Keys {
    /// The keys of `range`. None: all keys.
    pub fn new(range: Option<KeyRange>) -> Self {
        let unnamed = range == Some(KeyRange::Unnamed);
        let (from, before) = match range {
            Some(KeyRange::Between { from, before }) => (from, before),
            // This text is longer than any key and consists of the greatest character, so it comes after every key.
            Some(KeyRange::Unnamed) | None => (String::new(), char::MAX.to_string().repeat(MAX_KEY_BYTES / 4 + 1)),
        };
        Self { from, before, unnamed, exhausted: false }
    }

    /// The next batch; None after the last one.
    pub fn next_batch(&mut self, table: &Table) -> Option<Vec<String>> {
        if self.exhausted {
            return None;
        }
        let mut batch: Vec<String> = Vec::new();
        let mut scan = Scan::open_range(table, View::Everything);
        scan.seek_range(&self.from, &self.before);
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
            batch.extend(last.clone().filter(|key| !self.unnamed || is_unnamed(key)));
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
