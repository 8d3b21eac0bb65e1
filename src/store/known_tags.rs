//! The generations of tags during a walk over many entries.
//!
//! Owns the generations as they were first asked for. Must never read more than a bounded number of rows of a tag.

use super::carried;
use super::tags::generation_of_few;
use crate::catalog::{ExtensionTables, column};
use crate::heap::row::Row;
use std::collections::HashMap;

/// How many rows of a tag are read. Plain SQL can write any number; of a tag with more it is taken for granted that it
/// holds, until they are merged.
const MOST_ROWS: usize = 1000;

/// The generations of tags as they were first asked for: they may be a little late.
#[derive(Default)]
pub struct KnownTags {
    /// None: the tag has too many rows.
    generations: HashMap<String, Option<i64>>,
    asks_nothing: bool,
}

impl KnownTags {
    /// Of every tag it is taken for granted that it holds.
    pub fn nothing() -> Self {
        Self { asks_nothing: true, ..Self::default() }
    }

    /// Whether no tag of the entry was invalidated before this was made, as far as that is known.
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
