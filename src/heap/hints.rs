//! Reading a row where it was seen last, without the index.
//!
//! Owns, in shared memory, a guess for each of many keys: the page and the buffer in which its row was written or found, and its
//! place there. Whoever follows one reads that very place, and takes what is there only if the snapshot sees it and it has the key: a
//! table with a unique key has no second row like that, so the answer is the one that the index gives. Where it is not there any
//! more, or not visible, the index is asked, which leads to a new guess. So no guess need be taken back, and none can be
//! wrong. Must never read a page from the disk, nor be asked under an old snapshot (REPEATABLE READ, SERIALIZABLE), which may see
//! two rows of a key, and whose reads of the index count.

use super::scan::Row;
use super::table::{Table, block_of};
use crate::home::column;
use crate::settings;
use crate::shared_memory::{self, Shareable, SharedArray};
use cache_pg_rules::hint::{Hint, Spot, Tag, WAYS};
use cache_pg_rules::token::hash;
use pgrx::FromDatum;
use pgrx::pg_sys::{self, Datum, LOCKMODE, Oid};
use std::sync::atomic::{AtomicU64, Ordering};

/// The hints among which those of a key are, in one line of the processor's cache.
#[derive(Default)]
#[repr(C, align(64))]
struct Bucket([[AtomicU64; 2]; WAYS]);

// SAFETY: atomics, no pointers.
unsafe impl Shareable for Bucket {}

static BUCKETS: SharedArray<Bucket> =
    SharedArray::new(c"cache_pg hints", || settings::hint_memory() / size_of::<Bucket>());

/// The table is locked by whoever reads it.
const LOCKED: LOCKMODE = pg_sys::NoLock as LOCKMODE;
/// A table with more columns than this is read through the index.
const MOST_COLUMNS: usize = 16;

/// Reserves shared memory, where the library is being preloaded.
pub fn register_if_preloading() {
    if shared_memory::is_preloading() {
        shared_memory::reserve(&BUCKETS);
    }
}

/// Remembers where the row of a key is.
pub fn note(key: &str, spot: Spot) {
    if let Some((tag, bucket)) = bucket_of(key)
        && let Some(hint) = tag.hint(spot)
    {
        bucket.set(tag.victim(&bucket.get()), hint);
    }
}

/// Remembers where the row of a key was just written. Until that is committed nobody else sees it there, and takes the way through
/// the index.
pub fn note_written(table: &Table, key: Datum, tid: &pg_sys::ItemPointerData) {
    if BUCKETS.all().is_empty() {
        return;
    }
    let page = block_of(tid);
    // SAFETY: the table is open. The page was written a moment ago, so it is in a buffer, and nothing is fetched.
    let found = unsafe { pg_sys::PrefetchBuffer(table.relation, pg_sys::ForkNumber::MAIN_FORKNUM, page) };
    // SAFETY: the key of a row is a text.
    let key: Option<&str> = unsafe { FromDatum::from_datum(key, false) };
    if let (Some(key), Ok(buffer)) = (key, u32::try_from(found.recent_buffer)) {
        note(key, Spot { page, row: tid.ip_posid, buffer });
    }
}

/// What `take` makes of the row of a key, which the calling statement sees; None where no hint leads there, or `take` has none. The
/// table is locked.
pub fn follow<R>(table: Oid, key: &str, take: impl FnOnce(&Row) -> Option<R>) -> Option<R> {
    let spot = spot_of(key)?;
    opened(table, |relation| follow_in(relation, &spot, key, take))
}

/// The same for many keys: `take` is handed the number of each whose row was found.
pub fn follow_many(table: Oid, keys: &[&str], mut take: impl FnMut(usize, &Row)) {
    if BUCKETS.all().is_empty() {
        return;
    }
    opened(table, |relation| {
        for (number, key) in keys.iter().enumerate() {
            if let Some(spot) = spot_of(key) {
                follow_in(relation, &spot, key, |row| {
                    take(number, row);
                    Some(())
                });
            }
        }
    });
}

fn spot_of(key: &str) -> Option<Spot> {
    let (tag, bucket) = bucket_of(key)?;
    bucket.get().into_iter().find_map(|hint| tag.spot(hint))
}

fn opened<R>(table: Oid, work: impl FnOnce(pg_sys::Relation) -> R) -> R {
    // SAFETY: opened and closed in pairs; an error ends the transaction, which closes it.
    unsafe {
        let relation = pg_sys::table_open(table, LOCKED);
        let result = work(relation);
        pg_sys::table_close(relation, LOCKED);
        result
    }
}

fn follow_in<R>(relation: pg_sys::Relation, spot: &Spot, key: &str, take: impl FnOnce(&Row) -> Option<R>) -> Option<R> {
    let buffer = spot.buffer as pg_sys::Buffer;
    // SAFETY: the relation is open; what is pinned is released, by the end of the transaction where an error comes in between.
    unsafe {
        let is_there = (*(*relation).rd_rel).relam == pg_sys::HEAP_TABLE_AM_OID
            && (*(*relation).rd_att).natts as usize <= MOST_COLUMNS
            && pg_sys::ReadRecentBuffer(file_of(relation), pg_sys::ForkNumber::MAIN_FORKNUM, spot.page, buffer);
        if !is_there {
            return None;
        }
        count_page(relation);
        let found = visible(relation, spot).and_then(|tuple| read(relation, tuple, key, take));
        pg_sys::ReleaseBuffer(buffer);
        found
    }
}

fn bucket_of(key: &str) -> Option<(Tag, &'static Bucket)> {
    let buckets = BUCKETS.all();
    if buckets.is_empty() {
        return None;
    }
    // SAFETY: a global that is set when the process connects.
    let database = unsafe { pg_sys::MyDatabaseId }.to_u32();
    let tag = Tag::of(hash(key), database);
    buckets.get(tag.bucket(buckets.len())).map(|bucket| (tag, bucket))
}

impl Bucket {
    fn get(&self) -> [Hint; WAYS] {
        self.0
            .each_ref()
            .map(|[spot, check]| Hint { spot: spot.load(Ordering::Relaxed), check: check.load(Ordering::Relaxed) })
    }

    fn set(&self, number: usize, hint: Hint) {
        let [spot, check] = &self.0[number];
        spot.store(hint.spot, Ordering::Relaxed);
        check.store(hint.check, Ordering::Relaxed);
    }
}

/// # Safety
/// The relation is open.
#[cfg(feature = "pg15")]
unsafe fn file_of(relation: pg_sys::Relation) -> pg_sys::RelFileNode {
    // SAFETY: as the caller promises.
    unsafe { (*relation).rd_node }
}

/// # Safety
/// The relation is open.
#[cfg(not(feature = "pg15"))]
unsafe fn file_of(relation: pg_sys::Relation) -> pg_sys::RelFileLocator {
    // SAFETY: as the caller promises.
    unsafe { (*relation).rd_locator }
}

/// Counts a page that was found in a buffer in the statistics of the table, as `ReadBuffer` does.
///
/// # Safety
/// The relation is open.
unsafe fn count_page(relation: pg_sys::Relation) {
    // SAFETY: as the caller promises; the counts are this backend's own.
    unsafe {
        if (*relation).pgstat_info.is_null() && (*relation).pgstat_enabled {
            pg_sys::pgstat_assoc_relation(relation);
        }
        let Some(statistics) = (*relation).pgstat_info.as_mut() else { return };
        #[cfg(feature = "pg15")]
        let (read, hit) = (&mut statistics.t_counts.t_blocks_fetched, &mut statistics.t_counts.t_blocks_hit);
        #[cfg(not(feature = "pg15"))]
        let (read, hit) = (&mut statistics.counts.blocks_fetched, &mut statistics.counts.blocks_hit);
        *read += 1;
        *hit += 1;
    }
}

/// The version of a row at a place, if there is one that the active snapshot sees: what `heap_fetch` does.
///
/// # Safety
/// The buffer is pinned, and holds the page of this heap. The tuple may be used as long as it is pinned.
unsafe fn visible(relation: pg_sys::Relation, spot: &Spot) -> Option<pg_sys::HeapTupleData> {
    let buffer = spot.buffer as pg_sys::Buffer;
    // SAFETY: the page is looked at under the lock that whoever changes it must have; what is visible to a snapshot that is
    // active stays there while the buffer is pinned.
    unsafe {
        pg_sys::LockBuffer(buffer, pg_sys::BUFFER_LOCK_SHARE as i32);
        let page = pg_sys::BufferGetPage(buffer);
        let mut found = None;
        if spot.row <= pg_sys::PageGetMaxOffsetNumber(page) {
            let item = pg_sys::PageGetItemId(page, spot.row);
            if (*item).lp_flags() == pg_sys::LP_NORMAL {
                let mut tuple = pg_sys::HeapTupleData {
                    t_len: (*item).lp_len(),
                    t_tableOid: (*relation).rd_id,
                    t_data: pg_sys::PageGetItem(page, item).cast(),
                    ..Default::default()
                };
                pgrx::itemptr::item_pointer_set_all(&mut tuple.t_self, spot.page, spot.row);
                let sees = pg_sys::HeapTupleSatisfiesVisibility(&mut tuple, pg_sys::GetActiveSnapshot(), buffer);
                found = sees.then_some(tuple);
            }
        }
        pg_sys::LockBuffer(buffer, pg_sys::BUFFER_LOCK_UNLOCK as i32);
        found
    }
}

/// Hands the columns of a row to `take`, if it is the key's.
///
/// # Safety
/// The tuple is one of the relation, in a buffer that is pinned.
unsafe fn read<R>(
    relation: pg_sys::Relation,
    mut tuple: pg_sys::HeapTupleData,
    key: &str,
    take: impl FnOnce(&Row) -> Option<R>,
) -> Option<R> {
    let mut values = [Datum::null(); MOST_COLUMNS];
    let mut nulls = [true; MOST_COLUMNS];
    // SAFETY: the arrays have room for the columns of the relation, and outlive the row, which asks for no more of a slot than them.
    unsafe {
        pg_sys::heap_deform_tuple(&mut tuple, (*relation).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
        let mut slot = pg_sys::TupleTableSlot {
            tts_nvalid: (*(*relation).rd_att).natts as i16,
            tts_values: values.as_mut_ptr(),
            tts_isnull: nulls.as_mut_ptr(),
            ..Default::default()
        };
        let row = Row::in_slot(&raw mut slot);
        if row.text(column::KEY) == Some(key) { take(&row) } else { None }
    }
}
