//! Where the major versions of PostgreSQL differ in the access to pages.
//!
//! Owns these conditions on the version. Must never hold anything else.

use pgrx::pg_sys::{self, Buffer, Relation};
#[cfg(not(since_pg19))]
use std::ffi::c_int;

unsafe extern "C-unwind" {
    #[cfg(not(since_pg19))]
    fn LockBuffer(buffer: Buffer, mode: c_int);
    #[cfg(since_pg19)]
    fn LockBufferInternal(buffer: Buffer, mode: pg_sys::BufferLockMode::Type);
    #[cfg(since_pg19)]
    fn UnlockBuffer(buffer: Buffer);
}

/// Whether `ReadRecentBuffer` raises the usage count of the buffer, as `ReadBuffer` does.
pub const READING_A_RECENT_BUFFER_COUNTS: bool = cfg!(since_pg19);

/// Counts a page that was found in a buffer in the statistics of a table.
pub fn count_page(statistics: &mut pg_sys::PgStat_TableStatus) {
    #[cfg(not(since_pg16))]
    let (read, hit) = (&mut statistics.t_counts.t_blocks_fetched, &mut statistics.t_counts.t_blocks_hit);
    #[cfg(since_pg16)]
    let (read, hit) = (&mut statistics.counts.blocks_fetched, &mut statistics.counts.blocks_hit);
    *read += 1;
    *hit += 1;
}

/// Locks the content of a page against changes. An error passes without a guard of its own.
///
/// # Safety
/// The buffer is pinned, and the caller runs this within a guard.
pub unsafe fn lock_page(buffer: Buffer) {
    // SAFETY: as the caller promises.
    unsafe {
        #[cfg(not(since_pg19))]
        LockBuffer(buffer, pg_sys::BUFFER_LOCK_SHARE as c_int);
        #[cfg(since_pg19)]
        LockBufferInternal(buffer, pg_sys::BufferLockMode::BUFFER_LOCK_SHARE);
    }
}

/// Ends [`lock_page`].
///
/// # Safety
/// The page is locked, and the caller runs this within a guard.
pub unsafe fn unlock_page(buffer: Buffer) {
    // SAFETY: as the caller promises.
    unsafe {
        #[cfg(not(since_pg19))]
        LockBuffer(buffer, pg_sys::BUFFER_LOCK_UNLOCK as c_int);
        #[cfg(since_pg19)]
        UnlockBuffer(buffer);
    }
}

/// Removes what no snapshot needs from a page, if PostgreSQL finds that worth it.
///
/// # Safety
/// The buffer is pinned, and holds a page of this heap.
pub unsafe fn prune_page(relation: Relation, buffer: Buffer) {
    // SAFETY: as the caller promises. Since PostgreSQL 19 the page of the visibility map may come back pinned.
    unsafe {
        #[cfg(not(since_pg19))]
        pg_sys::heap_page_prune_opt(relation, buffer);
        #[cfg(since_pg19)]
        {
            let mut map = pg_sys::InvalidBuffer as Buffer;
            pg_sys::heap_page_prune_opt(relation, buffer, &mut map, false);
            if map != pg_sys::InvalidBuffer as Buffer {
                pg_sys::ReleaseBuffer(map);
            }
        }
    }
}
