//! The page that a hint names, in its buffer.
//!
//! Owns how the page is pinned, kept in its buffer, pruned, and searched for a visible row: what `heap_fetch` and
//! `index_fetch_heap` do. Must never read from disk a page that is not in a buffer.

use crate::pg::compat;
use cache_pg_rules::hint::Spot;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::pg_sys::{self, Buffer, HeapTuple, HeapTupleData, Relation, SnapshotData};
use std::cell::Cell;

unsafe extern "C-unwind" {
    /// As that of `pg_sys`, without a guard for each call.
    fn HeapTupleSatisfiesVisibility(tuple: HeapTuple, snapshot: *mut SnapshotData, buffer: Buffer) -> bool;
}

/// A page is nearly full if it has no room for this many versions of the row's present length: one for the next
/// version, and one in case that is longer.
const VERSIONS: usize = 2;
/// A page is also nearly full if fewer bytes than these are free; `heap_page_prune_opt` has the same limit.
const MIN_FREE: usize = pg_sys::BLCKSZ as usize / 10;
/// Before PostgreSQL 19 `ReadRecentBuffer` does not raise the usage count of a buffer, so a page that is read only by
/// hints would soon be evicted. One in this many reads by hint uses `ReadBuffer` instead, which costs some 600
/// instructions.
const USED_EVERY: u32 = 16;

thread_local! {
    static READS_BY_HINT: Cell<u32> = const { Cell::new(0) };
}

/// Pins the buffer that the hint names, if it holds the page that the hint names.
///
/// # Safety
/// The relation is open.
pub(super) unsafe fn pin(relation: Relation, spot: &Spot) -> Option<Buffer> {
    let buffer = spot.buffer as Buffer;
    // SAFETY: as the caller promises. A page that was in a buffer exists in the file, and the lock on the table keeps
    // the file from being truncated.
    unsafe {
        let is_there = (*(*relation).rd_rel).relam == pg_sys::HEAP_TABLE_AM_OID
            && pg_sys::ReadRecentBuffer(
                compat::file_locator(relation),
                pg_sys::ForkNumber::MAIN_FORKNUM,
                spot.page,
                buffer,
            );
        if !is_there {
            return None;
        }
        if !compat::READING_A_RECENT_BUFFER_COUNTS
            && READS_BY_HINT.replace(READS_BY_HINT.get().wrapping_add(1)).is_multiple_of(USED_EVERY)
        {
            // The usage count rises only for a backend that has not pinned the buffer yet.
            pg_sys::ReleaseBuffer(buffer);
            return Some(pg_sys::ReadBuffer(relation, spot.page));
        }
        count_page(relation);
        Some(buffer)
    }
}

/// Counts a buffer hit in the statistics of the table, as `ReadBuffer` does.
///
/// # Safety
/// The relation is open.
unsafe fn count_page(relation: Relation) {
    // SAFETY: as the caller promises; the counters are this backend's own.
    unsafe {
        if (*relation).pgstat_info.is_null() && (*relation).pgstat_enabled {
            pg_sys::pgstat_assoc_relation(relation);
        }
        if let Some(statistics) = (*relation).pgstat_info.as_mut() {
            compat::count_page(statistics);
        }
    }
}

/// The version of a row at a place, if there is one that the snapshot sees, as in `heap_fetch`.
///
/// # Safety
/// The buffer is pinned, and holds the page of this heap. The tuple is valid while the buffer stays pinned.
pub(super) unsafe fn visible(
    relation: Relation,
    spot: &Spot,
    buffer: Buffer,
    snapshot: *mut SnapshotData,
) -> Option<HeapTupleData> {
    // SAFETY: the page is read under the buffer lock, which excludes every change of it. A tuple that an active
    // snapshot sees stays in place while the buffer is pinned.
    let tuple = || unsafe {
        let page = pg_sys::BufferGetPage(buffer);
        if spot.row > pg_sys::PageGetMaxOffsetNumber(page) {
            return None;
        }
        let item = pg_sys::PageGetItemId(page, spot.row);
        if (*item).lp_flags() != pg_sys::LP_NORMAL {
            return None;
        }
        let mut tuple = HeapTupleData {
            t_len: (*item).lp_len(),
            t_tableOid: (*relation).rd_id,
            t_data: pg_sys::PageGetItem(page, item).cast(),
            ..Default::default()
        };
        pgrx::itemptr::item_pointer_set_all(&mut tuple.t_self, spot.page, spot.row);
        HeapTupleSatisfiesVisibility(&mut tuple, snapshot, buffer).then_some(tuple)
    };
    // SAFETY: as above. One guard suffices for all three calls: an error passes over nothing that has to be dropped.
    unsafe {
        pg_guard_ffi_boundary(|| {
            compat::lock_page(buffer);
            let found = tuple();
            compat::unlock_page(buffer);
            found
        })
    }
}

/// Prunes the page if it has little room for a new version beside the present ones. A scan of the index would do the
/// same, but whenever the page is fuller than `fillfactor`, and a page of ours is that after every update.
///
/// # Safety
/// The buffer is pinned, and holds the page of this heap.
pub(super) unsafe fn prune_if_full(relation: Relation, spot: &Spot, buffer: Buffer) {
    // SAFETY: the page header may be read without a lock, as heap_page_prune_opt does: a wrong guess costs one check.
    unsafe {
        let page = pg_sys::BufferGetPage(buffer);
        let length = match spot.row <= pg_sys::PageGetMaxOffsetNumber(page) {
            true => (*pg_sys::PageGetItemId(page, spot.row)).lp_len() as usize,
            false => 0,
        };
        // An update that found no room on this page has set this flag.
        let is_full = (*page.cast::<pg_sys::PageHeaderData>()).pd_flags & pg_sys::PD_PAGE_FULL as u16 != 0;
        if is_full || pg_sys::PageGetHeapFreeSpace(page) < MIN_FREE.max(VERSIONS * length) {
            compat::prune_page(relation, buffer);
        }
    }
}
