//! The generations of tags during a walk over many entries.
//!
//! Owns a copy of each generation as of its first use. Must never read more than a bounded number of rows of a tag.

use super::{carried, tags::generation_of_few};
use crate::catalog::{ExtensionTables, column};
use crate::heap::Row;
use std::collections::HashMap;

/// How many rows of a tag are read. Plain SQL can write any number. A tag with more rows counts as not invalidated
/// until they are merged.
const MOST_ROWS: usize = 1000;

/// The generations of tags, each as of its first use in the walk.
#[derive(Default)]
pub struct KnownTags {
    /// None: the tag has too many rows.
    generations: HashMap<String, Option<i64>>,
    asks_nothing: bool,
}

impl KnownTags {
    /// A set that reads nothing: every tag counts as not invalidated.
    pub fn nothing() -> Self {
        Self { asks_nothing: true, ..Self::default() }
    }

    /// Whether all tags of the entry have the known generations. An invalidation during the walk may be missed.
    pub fn hold(&mut self, tables: &ExtensionTables, row: &Row) -> bool {
        if self.asks_nothing || !row.has(column::TAGS) {
            return true;
        }
        let Some(carried) = carried::of(row) else { return false };
        carried.into_iter().all(|(tag, generation)| {
            let known = match self.generations.get(&tag) {
                Some(&known) => known,
                None => {
                    let now = generation_of_few(tables, &tag, MOST_ROWS);
                    self.generations.insert(tag, now);
                    now
                }
            };
            known.is_none_or(|known| known == generation)
        })
    }
}
