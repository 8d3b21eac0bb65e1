//! Tags: labels that many entries carry, and that one write invalidates.
//!
//! An entry stores the generation of each of its tags, and is live while they are unchanged. The generation of a tag is
//! the exclusive or over its rows in `cache_tags`, 0 if it has none. An invalidation changes one row of the tag by a
//! random number, or adds a row if other transactions hold all of them. So an invalidation is one small write however
//! many entries carry the tag. It never waits, a rollback undoes it, and two at the same time both count, whichever
//! commits first. `sweep::tags` merges and collects rows.
//!
//! Owns generations. Must never read generations before the transaction has an ID: the collection waits for
//! transactions by their IDs.

use super::carried::{self, Carried};
use super::fence_tags::{COLLECTED, fence_of};
use crate::catalog::{ExtensionTables, column, tag_column};
use crate::heap::{FullXid, NO_XID, Purpose, Row, Scan, Seen, Table, View, change, snapshot};
use crate::pg::{BigintArray, TextArray, backend};
use crate::shared::{flags, ranges};
use crate::{error::CacheError, near};
use cache_pg_rules::{key::Key, namespace::Namespace};
use pgrx::{FromDatum, IntoDatum, pg_sys::Datum};
use std::cell::Cell;

/// The transaction that last changed a row of `cache_tags`. None: no transaction can have this ID. All readers skip
/// such a row, and `sweep::tags` removes it.
pub fn version_of(row: &Row) -> Option<FullXid> {
    row.datum(tag_column::VERSION)
        .map(|datum| datum.value() as FullXid)
        .filter(|&version| snapshot::is_possible(version))
}

/// Refuses values of a namespace, or of all, that were computed before this transaction's commit.
///
/// # Errors
/// As [`invalidate`].
pub fn refuse_earlier(tables: &ExtensionTables, namespace: Option<Namespace>) -> Result<(), CacheError> {
    change_generations(tables, &[&fence_of(namespace)])
}

/// Refuses fills under tokens that were given before this transaction's commit.
///
/// # Errors
/// As [`invalidate`].
pub fn refuse_earlier_tokens(tables: &ExtensionTables) -> Result<(), CacheError> {
    change_generations(tables, &[COLLECTED])
}

thread_local! {
    /// The transactions in which this backend last invalidated a tag, and last stored a generation.
    static INVALIDATED_IN: Cell<FullXid> = const { Cell::new(NO_XID) };
    static REMEMBERED_IN: Cell<FullXid> = const { Cell::new(NO_XID) };
}

/// The tags of an entry, with the generation of each when the entry was written.
#[derive(Debug, Clone, Copy)]
pub struct Tagged {
    pub tags: TextArray,
    /// A `bigint[]` as long as `tags`.
    pub generations: Datum,
}

impl Tagged {
    /// The tags with their current generations, for an entry that is being written.
    pub fn now(tables: &ExtensionTables, tags: TextArray) -> Option<Self> {
        REMEMBERED_IN.set(snapshot::current());
        let generations: Vec<i64> =
            with_scan(tables, View::Latest, |rows| names(tags).iter().map(|tag| rows.generation(tag)).collect());
        generations.into_datum().map(|generations| Self { tags, generations })
    }

    /// The same for a value that was computed under `seen`. None: a tag was invalidated since.
    fn seen_by(tables: &ExtensionTables, tags: TextArray, seen: &Seen) -> Option<Self> {
        // Generations first: an invalidation after this read changes them, and so kills the entry that stores them.
        let tagged = Self::now(tables, tags)?;
        sees_all_of(tables, seen, names(tags)).then_some(tagged)
    }
}

/// The current transaction has written rows of tags without invalidating these tags. So later invalidations in it must
/// not be skipped as already done.
pub fn record_merge() {
    REMEMBERED_IN.set(snapshot::current());
}

/// The tags of an entry with their generations. None: `seen` misses an invalidation of a tag, or a clear.
pub fn check_freshness(
    tables: &ExtensionTables,
    key: Key,
    tags: Option<TextArray>,
    seen: &Seen,
) -> Option<Option<Tagged>> {
    // The transaction needs its ID before it reads generations, see above.
    snapshot::current();
    let tagged = match tags {
        None => None,
        Some(tags) => Some(Tagged::seen_by(tables, tags, seen)?),
    };
    // Last, because the collection of unused tags invalidates a fence that is checked here (`sweep::tags`).
    nothing_cleared_since(tables, key, seen).then_some(tagged)
}

/// Whether `seen` sees every committed clear of the key's namespace, and of all. One snapshot reads all fences: if
/// the collection has removed one, this snapshot sees that the collection has invalidated its own fence.
fn nothing_cleared_since(tables: &ExtensionTables, key: Key, seen: &Seen) -> bool {
    let collected = (!seen.own).then(|| COLLECTED.to_owned());
    sees_all_of(tables, seen, [None, Some(key.namespace())].map(fence_of).into_iter().chain(collected))
}

/// Whether `seen` sees every committed change of these tags. False for a held snapshot if a TRUNCATE has replaced the
/// file of the table since: the rows in the old file are unknown. A token is not checked against the file. The clear
/// that follows a TRUNCATE refuses it, and the subtransaction that defined the table can no longer be resolved.
fn sees_all_of(tables: &ExtensionTables, seen: &Seen, tags: impl IntoIterator<Item = String>) -> bool {
    with_scan(tables, View::Latest, |rows| {
        let keeps_all = !seen.own || rows.table.keeps_rows_removed_since(seen);
        let sees = |tag: String| rows.versions(&tag).into_iter().all(|version| seen.vouches_for(version));
        keeps_all && tags.into_iter().all(sees)
    })
}

/// Whether no tag of the entry has been invalidated since the entry was written.
pub fn hold(tables: &ExtensionTables, row: &Row, view: View) -> bool {
    !row.has(column::TAGS) || carried::of(row).is_some_and(|carried| are_unchanged(tables, &carried, view))
}

/// Whether the tags have these generations in the snapshot of the calling statement.
pub fn have_generations(tables: &ExtensionTables, tags: TextArray, generations: Option<BigintArray>) -> bool {
    carried::parse(tags, generations).is_some_and(|carried| are_unchanged(tables, &carried, View::Statement))
}

fn are_unchanged(tables: &ExtensionTables, carried: &[Carried], view: View) -> bool {
    with_scan(tables, view, |rows| carried.iter().all(|(tag, generation)| rows.generation(tag) == *generation))
}

/// The tags of an entry.
pub fn of(row: &Row) -> impl Iterator<Item = String> {
    carried::of(row).into_iter().flatten().map(|(tag, _)| tag)
}

/// The current generation of a tag. None: it has more than `most` rows.
pub(super) fn generation_of_few(tables: &ExtensionTables, tag: &str, most: usize) -> Option<i64> {
    with_scan(tables, View::Latest, |rows| rows.generation_of_few(tag, most))
}

/// Invalidates tags: from the commit on, every entry that carries one of them is a miss. Does not wait.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn invalidate(tables: &ExtensionTables, tags: &[&str]) -> Result<(), CacheError> {
    near::tags(tables, tags);
    change_generations(tables, tags)
}

fn change_generations(tables: &ExtensionTables, tags: &[&str]) -> Result<(), CacheError> {
    let version = snapshot::current();
    flags::record_write();
    ranges::record_anywhere();
    // A transaction that invalidates a tag repeatedly, such as one that changes many rows of a watched table, does so
    // once: each further version would make the next look-up longer. But if an entry of this transaction has stored the
    // new generation, the tag is invalidated again.
    let may_be_invalidated = INVALIDATED_IN.replace(version) == version && REMEMBERED_IN.get() != version;
    let is_invalidated =
        |tag| may_be_invalidated && with_scan(tables, View::Latest, |rows| rows.versions(tag).contains(&version));
    Table::by_first_column(tables.tags, &tag_column::SHAPE, Purpose::Write, |table| {
        for tag in tags.iter().filter(|tag| !is_invalidated(tag)) {
            let change = backend::random() | 1;
            let columns = |name: Option<Datum>, generation: u64| {
                vec![name, Some(Datum::from(generation)), Some(Datum::from(version)), None]
            };
            let changed = change::update_any(table, tag, |row| {
                let before = row.datum(tag_column::VERSION).map_or(0, |datum| datum.value() as FullXid);
                if backend::has_old_snapshot() && !Seen::by_statement().contains(before) {
                    snapshot::mark_blind(version);
                }
                let generation = row.datum(tag_column::GENERATION).map_or(0, |datum| datum.value() as u64);
                columns(row.datum(tag_column::TAG), generation ^ change)
            });
            if !changed {
                change::insert(table, &columns(tag.into_datum(), change));
            }
        }
    })
    .ok_or(CacheError::Altered("cache_tags"))
}

/// A scan of `cache_tags`.
struct TagScan<'a> {
    table: &'a Table,
    scan: Scan,
}

fn with_scan<R>(tables: &ExtensionTables, view: View, work: impl FnOnce(&mut TagScan) -> R) -> R {
    Table::by_first_column(tables.tags, &tag_column::SHAPE, Purpose::Read, |table| {
        let mut rows = TagScan { table, scan: Scan::open(table, view) };
        let result = work(&mut rows);
        rows.scan.close();
        result
    })
    .unwrap_or_else(|| CacheError::Altered("cache_tags").raise())
}

impl TagScan<'_> {
    fn of(&mut self, tag: &str) -> impl Iterator<Item = Row> {
        self.scan.seek(tag);
        std::iter::from_fn(|| self.scan.next())
    }

    fn generation(&mut self, tag: &str) -> i64 {
        self.of(tag).filter_map(generation_in).fold(0, |generation, of_row| generation ^ of_row)
    }

    /// The same. None: the tag has more than `most` rows.
    fn generation_of_few(&mut self, tag: &str, most: usize) -> Option<i64> {
        let (mut rows, mut generation) = (0, 0);
        for row in self.of(tag) {
            rows += 1;
            if rows > most {
                return None;
            }
            generation ^= generation_in(row).unwrap_or(0);
        }
        Some(generation)
    }

    fn versions(&mut self, tag: &str) -> Vec<FullXid> {
        self.of(tag).filter_map(|row| version_of(&row)).collect()
    }
}

/// The part of a generation that a row holds. None: no transaction can have written the row.
fn generation_in(row: Row) -> Option<i64> {
    version_of(&row)?;
    row.datum(tag_column::GENERATION).map(|datum| datum.value() as i64)
}

/// The texts of an array.
fn names(tags: TextArray) -> Vec<String> {
    // SAFETY: the datum is a text[].
    let names = unsafe { Vec::<Option<String>>::from_datum(tags.0, false) };
    names.unwrap_or_default().into_iter().flatten().collect()
}
