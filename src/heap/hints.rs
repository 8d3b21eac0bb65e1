//! Where the row of a key was last seen.
//!
//! Owns a table of hints in shared memory. A hint is a guess: the page in which the row of a key was written or found,
//! its buffer, and its place on the page. [`super::follow`] checks the row that it finds there. So no hint has to be
//! withdrawn, and a wrong hint does no harm. Must never take a lock, neither to read nor to write.

use super::prefetch::{prefetch_page, prefetch_row};
use super::table::{Table, block_of};
use crate::pg::backend;
use crate::pg::prefetch::{GROUP, prefetch};
use crate::settings;
use crate::shared::array::{self, Shareable, SharedArray};
use cache_pg_rules::hint::{Hint, Spot, Tag, WAYS};
use cache_pg_rules::token::hash;
use pgrx::FromDatum;
use pgrx::pg_sys::{self, Datum};
use std::sync::atomic::{AtomicU64, Ordering};

/// The hints of all keys that share a bucket, in one line of the processor's cache.
#[derive(Default)]
#[repr(C, align(64))]
struct Bucket([[AtomicU64; 2]; WAYS]);

// SAFETY: atomics, no pointers.
unsafe impl Shareable for Bucket {}

static BUCKETS: SharedArray<Bucket> =
    SharedArray::new(c"cache_pg hints", || settings::hint_memory() / size_of::<Bucket>());

/// Reserves shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    array::reserve(&BUCKETS);
}

/// Records where the row of a key is.
pub fn record(key: &str, spot: Spot) {
    if let Some((tag, bucket)) = bucket_of(key)
        && let Some(hint) = tag.hint(spot)
    {
        bucket.set(tag.victim(&bucket.get()), hint);
    }
}

/// Records where the row of a key was just written. Until the transaction commits, other sessions do not see the row
/// there and use the index.
pub fn record_written(table: &Table, key: Datum, tid: &pg_sys::ItemPointerData) {
    if !are_kept() {
        return;
    }
    let page = block_of(tid);
    // SAFETY: the table is open. The page was written a moment ago, so it is in a buffer and nothing is read from disk.
    let found = unsafe { pg_sys::PrefetchBuffer(table.relation, pg_sys::ForkNumber::MAIN_FORKNUM, page) };
    // SAFETY: the key of a row is a text.
    let key: Option<&str> = unsafe { FromDatum::from_datum(key, false) };
    if let (Some(key), Ok(buffer)) = (key, u32::try_from(found.recent_buffer)) {
        record(key, Spot { page, row: tid.ip_posid, buffer });
    }
}

/// Whether there is memory for hints.
pub(super) fn are_kept() -> bool {
    !BUCKETS.all().is_empty()
}

/// Where the row of a key was last seen; None if no hint says so.
pub(super) fn spot_of(key: &str) -> Option<Spot> {
    let (tag, bucket) = bucket_of(key)?;
    bucket.spot_of(tag)
}

/// The same for each key of a group, in its order. It prefetches what the hints lead to.
pub(super) fn spots_of(group: &[&str]) -> [Option<Spot>; GROUP] {
    let mut buckets = [None; GROUP];
    for (place, key) in buckets.iter_mut().zip(group) {
        *place = bucket_of(key);
        place.inspect(|&(_, bucket)| prefetch(bucket));
    }
    let spots = buckets.map(|place| {
        let (tag, bucket) = place?;
        bucket.spot_of(tag).inspect(prefetch_page)
    });
    spots.iter().flatten().for_each(prefetch_row);
    spots
}

fn bucket_of(key: &str) -> Option<(Tag, &'static Bucket)> {
    let buckets = BUCKETS.all();
    if buckets.is_empty() {
        return None;
    }
    let database = backend::database().to_u32();
    let tag = Tag::of(hash(key), database);
    buckets.get(tag.bucket(buckets.len())).map(|bucket| (tag, bucket))
}

impl Bucket {
    fn spot_of(&self, tag: Tag) -> Option<Spot> {
        self.get().into_iter().find_map(|hint| tag.spot(hint))
    }

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
