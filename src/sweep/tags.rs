//! Keeping the table of tags small: merging what came at the same time, removing what no entry carries.
//!
//! Below the executor, like all upkeep: no trigger, rule or policy has a say. Must never revive an entry, and never
//! wait: rows that somebody holds are for the next time.
//!
//! **Merging.** A tag's generation is the exclusive or over its rows, so one row with that in place of several changes
//! nothing for entries. Its version is that of now, so a value that was computed before is refused.
//!
//! **Removing.** Which tags no entry carries any more is settled in two rounds: a row is marked with the first
//! transaction that has not begun, and goes in a later round, when every transaction before that one has ended. Whoever
//! was storing an entry with an older generation at the mark has a number below it, so the entry is there to be seen by
//! then; whoever began later knows the generation that is there.
//!
//! The fences of cleared namespaces go too, which no entry carries. A row says which transaction a late value must have
//! seen: it goes only when every snapshot that somebody holds sees that one. A token outlives the snapshot that it was
//! given under, so tokens of before a removal are refused (`tags::refuse_earlier_tokens`); one that sees the removal
//! was given after it, and sees whatever was committed before.
//!
//! Tags are known by a hash here: where two have the same, both stay as long as one of them is carried. A round deals
//! with a part of the tags, those whose hash falls into it, so its memory is bounded.

use super::entries::{self, By};
use crate::catalog::{ExtensionTables, tag_column};
use crate::error::CacheError;
use crate::heap::row::Row;
use crate::heap::snapshot::{self, FullXid, Seen, see_own_work};
use crate::heap::table::{Purpose, Table};
use crate::heap::{change, upkeep::Met};
use crate::pg::active_snapshot::under_latest;
use crate::pg::backend;
use crate::store::tags;
use cache_pg_rules::token::hash;
use pgrx::IntoDatum;
use pgrx::pg_sys::{self, Datum};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// The shortest time between two rounds: each looks at every entry.
pub const EVERY: Duration = Duration::from_secs(600);
/// A table of tags that is no larger is left alone: some hundred tags cost nobody anything.
const FEW_PAGES: u32 = 4;
/// How many pages of tags a round deals with, about.
const PART: u32 = 8192;
/// How many bytes of tags a round merges.
const MERGED: usize = 16 << 20;

/// One round, in the current transaction, which has locked `cache_entries`. None where somebody else needs the table of
/// tags.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn collect(tables: &ExtensionTables) -> Result<(), CacheError> {
    // SAFETY: locks by number, in a transaction.
    if !unsafe { pg_sys::ConditionalLockRelationOid(tables.tags, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE) } {
        return Ok(());
    }
    let removed = Table::by_first_column(tables.tags, &tag_column::SHAPE, Purpose::Write, |table| {
        table.check_removal();
        let pages = table.pages();
        if pages <= FEW_PAGES {
            under_latest(|| {
                table.each(|met| {
                    drop_impossible(met);
                });
            });
            return false;
        }
        let parts = u64::from(pages / PART) + 1;
        let part = Part { parts, number: backend::random() % parts };
        under_latest(|| merge(table, part));
        see_own_work();
        let horizon = table.horizon();
        under_latest(|| remove_fences(table, horizon) | remove_unused(tables, table, part, horizon))
    });
    match removed.ok_or(CacheError::Altered("cache_tags"))? {
        true => tags::refuse_earlier_tokens(tables),
        false => Ok(()),
    }
}

/// Some of the tags.
#[derive(Clone, Copy)]
struct Part {
    parts: u64,
    number: u64,
}

impl Part {
    /// The hash of a row's tag, if it is one of them.
    fn hash_of(self, row: &Row) -> Option<u64> {
        row.text(tag_column::TAG).map(hash).filter(|hash| hash % self.parts == self.number)
    }
}

/// Removes a row that no transaction can have written (`tags::is_possible`): every reader passes it over.
fn drop_impossible(met: &Met) -> bool {
    let is_impossible = tags::version_of(&met.row).is_none();
    if is_impossible {
        met.remove();
    }
    is_impossible
}

/// Replaces the rows of each tag that has several by one.
fn merge(table: &Table, part: Part) {
    let mut rows: HashMap<u64, bool> = HashMap::new();
    table.each(|met| {
        if !drop_impossible(met)
            && let Some(hash) = part.hash_of(&met.row)
        {
            rows.entry(hash).and_modify(|several| *several = true).or_insert(false);
        }
    });
    rows.retain(|_, several| *several);
    if rows.is_empty() {
        return;
    }
    let mut merged: BTreeMap<String, u64> = BTreeMap::new();
    let mut bytes = 0;
    table.each(|met| {
        let is_one = part.hash_of(&met.row).is_some_and(|hash| rows.contains_key(&hash));
        if !is_one || bytes > MERGED || tags::version_of(&met.row).is_none() {
            return;
        }
        let (tag, generation) = (met.row.text(tag_column::TAG), generation_of(&met.row));
        if let Some(tag) = tag.map(str::to_owned).filter(|_| met.remove()) {
            bytes += tag.len() + size_of::<(String, u64)>();
            *merged.entry(tag).or_default() ^= generation;
        }
    });
    if merged.is_empty() {
        return;
    }
    let version = snapshot::current();
    for (tag, generation) in merged {
        change::insert(table, &[tag.into_datum(), Some(Datum::from(generation)), Some(Datum::from(version)), None]);
    }
    tags::record_merge();
}

/// Removes the fences of namespaces that were moved before `horizon`; whether there were any.
fn remove_fences(table: &Table, horizon: FullXid) -> bool {
    let mut removed = false;
    table.each(|met| {
        let is_old = tags::version_of(&met.row).is_some_and(|version| version < horizon);
        if is_old && met.row.text(tag_column::TAG).is_some_and(tags::is_fence_of_namespace) {
            removed |= met.remove();
        }
    });
    removed
}

/// Marks the tags that no entry carries, and removes those for which that was settled before `horizon`; whether there
/// were any.
fn remove_unused(tables: &ExtensionTables, table: &Table, part: Part, horizon: FullXid) -> bool {
    let seen = Seen::by_statement();
    let candidate = |row: &Row| part.hash_of(row).filter(|_| !row.text(tag_column::TAG).is_none_or(tags::is_fence));
    let mut unused = HashSet::new();
    table.each(|met| unused.extend(candidate(&met.row)));
    if unused.is_empty() {
        return false;
    }
    let looked = entries::open(tables, By::Anybody, |entries| {
        entries.each_tag(|tag| {
            unused.remove(&hash(tag));
        });
    });
    if looked.is_none() {
        return false;
    }
    let mut removed = false;
    table.each(|met| {
        if candidate(&met.row).is_none_or(|hash| !unused.contains(&hash)) {
            return;
        }
        match marked_with(&met.row).filter(|&mark| mark <= seen.xmax) {
            Some(mark) if mark <= horizon => removed |= met.remove(),
            Some(_) => {}
            None => met.replace(&marked(&met.row, seen.xmax)),
        }
    });
    removed
}

fn generation_of(row: &Row) -> u64 {
    row.datum(tag_column::GENERATION).map_or(0, |datum| datum.value() as u64)
}

fn marked_with(row: &Row) -> Option<FullXid> {
    row.datum(tag_column::UNUSED_SINCE).map(|datum| datum.value() as FullXid)
}

/// The columns of a row, with the mark.
fn marked(row: &Row, mark: FullXid) -> [Option<Datum>; 4] {
    let tag = row.datum(tag_column::TAG);
    [tag, row.datum(tag_column::GENERATION), row.datum(tag_column::VERSION), Some(Datum::from(mark))]
}
