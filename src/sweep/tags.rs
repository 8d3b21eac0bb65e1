//! Keeping `cache_tags` small: merging rows of one tag, and removing tags that no entry carries.
//!
//! Owns the collection of tags. It runs below the executor, like all maintenance: no trigger, rule or policy applies.
//! Must never revive an entry, and never wait: a row that another transaction holds is left for the next round.
//!
//! **Merging.** The generation of a tag is the exclusive or over its rows. So one row with that generation in place of
//! several changes nothing for entries. Its version is the current transaction, so values that were computed before are
//! refused.
//!
//! **Removing** takes two rounds. The first marks the row of an unused tag with the next full transaction ID, which no
//! transaction has yet. A later round removes the row once every transaction below the mark has ended. A transaction
//! that was storing an entry with an older generation at the mark has an ID below the mark, so the later round sees its
//! entry. A transaction that began later knows the current generation.
//!
//! The fences of cleared namespaces, which no entry carries, are removed too. The row of a fence names the transaction
//! that a late value must have seen. So it is removed only once every held snapshot sees that transaction. A token
//! outlives its snapshot, so a removal refuses tokens that were given before it (`tags::refuse_earlier_tokens`). A
//! token that sees the removal was given after it, and sees whatever was committed before.
//!
//! Tags are identified by a hash here. If two tags have the same hash, both stay while an entry carries one of them. A
//! round handles one part of the tags, chosen by hash, so its memory is bounded.

use super::entries::{self, By};
use crate::catalog::{ExtensionTables, tag_column};
use crate::heap::{FullXid, Purpose, Row, Seen, Table, change, snapshot, snapshot::see_own_work, upkeep::Visited};
use crate::pg::{backend, under_latest};
use crate::store::fence_tags::{is_fence, is_fence_of_namespace};
use crate::{error::CacheError, store::tags};
use cache_pg_rules::token::hash;
use pgrx::IntoDatum;
use pgrx::pg_sys::{self, Datum};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// The shortest time between two rounds. Each reads every entry.
pub const COLLECT_EVERY: Duration = Duration::from_secs(600);
/// A smaller table of tags is left alone: some hundred tags cost nothing.
const FEW_PAGES: u32 = 4;
/// About how many pages of tags a round handles.
const PART_PAGES: u32 = 8192;
/// How many bytes of tags a round merges.
const MOST_MERGED_BYTES: usize = 16 << 20;

/// Runs one round in the current transaction, which has locked `cache_entries`. Does nothing if another session has
/// locked `cache_tags`.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn collect(tables: &ExtensionTables) -> Result<(), CacheError> {
    // SAFETY: a lock by OID, in a transaction.
    if !unsafe { pg_sys::ConditionalLockRelationOid(tables.tags, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE) } {
        return Ok(());
    }
    let removed = Table::by_first_column(tables.tags, &tag_column::SHAPE, Purpose::Write, |table| {
        table.check_removal();
        let pages = table.pages();
        if pages <= FEW_PAGES {
            under_latest(|| {
                table.each(|met| {
                    remove_impossible(met);
                });
            });
            return false;
        }
        let parts = u64::from(pages / PART_PAGES) + 1;
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

/// One part of the tags.
#[derive(Clone, Copy)]
struct Part {
    parts: u64,
    number: u64,
}

impl Part {
    /// The hash of the row's tag, if it belongs to this part.
    fn hash_of(self, row: &Row) -> Option<u64> {
        row.text(tag_column::TAG).map(hash).filter(|hash| hash % self.parts == self.number)
    }
}

/// Removes a row that no transaction can have written (`tags::version_of`). Readers skip such a row.
fn remove_impossible(met: &Visited) -> bool {
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
        if !remove_impossible(met)
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
        if !is_one || bytes > MOST_MERGED_BYTES || tags::version_of(&met.row).is_none() {
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

/// Removes the fences of namespaces whose last change is before `horizon`; returns whether there were any.
fn remove_fences(table: &Table, horizon: FullXid) -> bool {
    let mut removed = false;
    table.each(|met| {
        let is_old = tags::version_of(&met.row).is_some_and(|version| version < horizon);
        if is_old && met.row.text(tag_column::TAG).is_some_and(is_fence_of_namespace) {
            removed |= met.remove();
        }
    });
    removed
}

/// Marks the tags that no entry carries, and removes those whose mark is not after `horizon`; returns whether any were.
fn remove_unused(tables: &ExtensionTables, table: &Table, part: Part, horizon: FullXid) -> bool {
    let seen = Seen::by_statement();
    let candidate = |row: &Row| part.hash_of(row).filter(|_| !row.text(tag_column::TAG).is_none_or(is_fence));
    let mut unused = HashSet::new();
    table.each(|met| unused.extend(candidate(&met.row)));
    if unused.is_empty() {
        return false;
    }
    let looked = entries::open(tables, By::Other, |entries| {
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
