//! The page that a hint names, in its buffer.
//!
//! Owns how it is pinned, kept from leaving its buffer, kept in order, and looked at: what `heap_fetch` and
//! `index_fetch_heap` do. Must never read a page from the disk that is not in a buffer.

use cache_pg_rules::hint::Spot;
use pgrx::pg_sys::{self, Buffer, HeapTupleData, Relation, SnapshotData};
use std::cell::Cell;

/// A page has little room where it has none for so many versions as long as the newest: the next one, and one that is
/// longer.
const VERSIONS: usize = 2;
/// Or where fewer bytes than these are free, as `heap_page_prune_opt` has it.
const MIN_FREE: usize = pg_sys::BLCKSZ as usize / 10;
/// `ReadRecentBuffer` does not count as use, so a page that is read by hints only would soon leave its buffer. One in
/// so many of these reads looks the page up as others do, which costs some 600 instructions.
const USED_EVERY: u32 = 16;

thread_local! {
    static READS_BY_HINT: Cell<u32> = const { Cell::new(0) };
}

/// Pins the buffer that holds the page of a hint, if it is the one that the hint names.
///
/// # Safety
/// The relation is open.
pub(super) unsafe fn pin(relation: Relation, spot: &Spot) -> Option<Buffer> {
    let buffer = spot.buffer as Buffer;
    // SAFETY: as the caller promises. A page that was in a buffer is in the file, which the lock on the table keeps
    // from getting shorter.
    unsafe {
        let is_there = (*(*relation).rd_rel).relam == pg_sys::HEAP_TABLE_AM_OID
            && pg_sys::ReadRecentBuffer(file_of(relation), pg_sys::ForkNumber::MAIN_FORKNUM, spot.page, buffer);
        if !is_there {
            return None;
        }
        if READS_BY_HINT.replace(READS_BY_HINT.get().wrapping_add(1)).is_multiple_of(USED_EVERY) {
            // Only who has not pinned it yet is taken for a user.
            pg_sys::ReleaseBuffer(buffer);
            return Some(pg_sys::ReadBuffer(relation, spot.page));
        }
        count_page(relation);
        Some(buffer)
    }
}

/// # Safety
/// The relation is open.
#[cfg(feature = "pg15")]
unsafe fn file_of(relation: Relation) -> pg_sys::RelFileNode {
    // SAFETY: as the caller promises.
    unsafe { (*relation).rd_node }
}

/// # Safety
/// The relation is open.
#[cfg(not(feature = "pg15"))]
unsafe fn file_of(relation: Relation) -> pg_sys::RelFileLocator {
    // SAFETY: as the caller promises.
    unsafe { (*relation).rd_locator }
}

/// Counts a page that was found in a buffer in the statistics of the table, as `ReadBuffer` does.
///
/// # Safety
/// The relation is open.
unsafe fn count_page(relation: Relation) {
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

/// The version of a row at a place, if there is one that the snapshot sees: what `heap_fetch` does.
///
/// # Safety
/// The buffer is pinned, and holds the page of this heap. The tuple may be used as long as it is pinned.
pub(super) unsafe fn visible(
    relation: Relation,
    spot: &Spot,
    buffer: Buffer,
    snapshot: *mut SnapshotData,
) -> Option<HeapTupleData> {
    // SAFETY: the page is looked at under the lock that whoever changes it must have; what is visible to a snapshot
    // that is active stays there while the buffer is pinned.
    unsafe {
        pg_sys::LockBuffer(buffer, pg_sys::BUFFER_LOCK_SHARE as i32);
        let page = pg_sys::BufferGetPage(buffer);
        let mut found = None;
        if spot.row <= pg_sys::PageGetMaxOffsetNumber(page) {
            let item = pg_sys::PageGetItemId(page, spot.row);
            if (*item).lp_flags() == pg_sys::LP_NORMAL {
                let mut tuple = HeapTupleData {
                    t_len: (*item).lp_len(),
                    t_tableOid: (*relation).rd_id,
                    t_data: pg_sys::PageGetItem(page, item).cast(),
                    ..Default::default()
                };
                pgrx::itemptr::item_pointer_set_all(&mut tuple.t_self, spot.page, spot.row);
                let sees = pg_sys::HeapTupleSatisfiesVisibility(&mut tuple, snapshot, buffer);
                found = sees.then_some(tuple);
            }
        }
        pg_sys::LockBuffer(buffer, pg_sys::BUFFER_LOCK_UNLOCK as i32);
        found
    }
}

/// Removes dead versions from a page where there is little room for a new one beside those that are there, as whoever
/// comes through the index does. There it happens whenever a page is fuller than `fillfactor`, which a page of ours is
/// after every update.
///
/// # Safety
/// The buffer is pinned, and holds the page of this heap.
pub(super) unsafe fn prune_if_full(relation: Relation, spot: &Spot, buffer: Buffer) {
    // SAFETY: what the page says of itself may be read without a lock, as heap_page_prune_opt does: a wrong guess costs
    // a look.
    unsafe {
        let page = pg_sys::BufferGetPage(buffer);
        let length = match spot.row <= pg_sys::PageGetMaxOffsetNumber(page) {
            true => (*pg_sys::PageGetItemId(page, spot.row)).lp_len() as usize,
            false => 0,
        };
        // An update has found no room here, and said so.
        let is_full = (*page.cast::<pg_sys::PageHeaderData>()).pd_flags & pg_sys::PD_PAGE_FULL as u16 != 0;
        if is_full || pg_sys::PageGetHeapFreeSpace(page) < MIN_FREE.max(VERSIONS * length) {
            pg_sys::heap_page_prune_opt(relation, buffer);
        }
    }
}
