//! Prefetching what a hint leads to.
//!
//! Owns which places these are: the descriptor of the buffer, the head of its page and the line pointer, and then the
//! row, whose place only the line pointer tells. Must never decide what is read: it looks at pages without a lock.

use crate::pg::prefetch::{LINE, prefetch};
use cache_pg_rules::hint::Spot;
use pgrx::pg_sys;

/// How many lines of a row are prefetched. The processor itself fetches those that follow.
const ROW_LINES: usize = 4;

/// Prefetches what finds the row on its page.
pub(super) fn prefetch_page(spot: &Spot) {
    if let Some(page) = page_of(spot) {
        // SAFETY: the descriptor of a buffer that exists; only its address is computed.
        prefetch(unsafe { pg_sys::BufferDescriptors.add(spot.buffer as usize - 1) });
        prefetch(page);
        prefetch(item_of(spot, page));
    }
}

/// Prefetches the row, some time after [`prefetch_page`].
pub(super) fn prefetch_row(spot: &Spot) {
    if let Some(page) = page_of(spot) {
        // SAFETY: the line pointer lies within the buffer, whose memory exists as long as the server runs. It may
        // change meanwhile: then these are the wrong lines.
        let start = unsafe { item_of(spot, page).read_volatile() }.lp_off() as usize;
        (0..ROW_LINES).for_each(|number| prefetch(page.wrapping_byte_add(start + number * LINE)));
    }
}

/// The page in the buffer that a hint names.
fn page_of(spot: &Spot) -> Option<pg_sys::Page> {
    // SAFETY: the number of buffers never changes while the server runs. Buffers are numbered from 1.
    unsafe {
        let exists = (1..=pg_sys::NBuffers).contains(&(spot.buffer as pg_sys::Buffer));
        exists.then(|| pg_sys::BufferGetPage(spot.buffer as pg_sys::Buffer))
    }
}

/// The place of the row's line pointer. It is within the page, because a hint names no row beyond the 511th.
fn item_of(spot: &Spot, page: pg_sys::Page) -> *const pg_sys::ItemIdData {
    let items = std::mem::offset_of!(pg_sys::PageHeaderData, pd_linp);
    page.wrapping_byte_add(items).cast::<pg_sys::ItemIdData>().wrapping_add(usize::from(spot.row) - 1)
}
