//! Where the major versions of PostgreSQL differ.
//!
//! Owns every condition on the version: `since_pgNN` is true for that major version and all later ones (`build.rs`), so
//! the code for the newest version is also what the next one gets. Each function here has one meaning for all versions;
//! those of tables and pages are in [`tables`] and [`pages`]. Must never hold anything else; `cargo xtask test --only
//! lint` refuses such a condition outside of this folder.

mod pages;
mod tables;

pub use pages::*;
pub use tables::*;

use pgrx::pg_sys::{self, Datum, LOCALLOCK, LOCKMODE, LOCKTAG};
use std::ffi::{CStr, c_int};

/// Sets the handler of a signal in a background worker.
#[cfg(not(since_pg18))]
pub use pg_sys::pqsignal as set_signal_handler;
/// Sets the handler of a signal in a background worker.
#[cfg(since_pg18)]
pub use pg_sys::pqsignal_be as set_signal_handler;

unsafe extern "C-unwind" {
    /// PostgreSQL's own handler of SIGHUP: the next main loop reads the configuration.
    #[cfg(not(since_pg19))]
    #[link_name = "SignalHandlerForConfigReload"]
    pub fn reload_at_signal(signal: c_int);
    /// PostgreSQL's own handler of SIGHUP: the next main loop reads the configuration.
    #[cfg(since_pg19)]
    #[link_name = "SignalHandlerForConfigReload"]
    pub fn reload_at_signal(signal: c_int, info: *const pg_sys::pg_signal_info);
    /// PostgreSQL's own handler of SIGTERM: the next check for interrupts ends the process.
    #[cfg(not(since_pg19))]
    #[link_name = "die"]
    pub fn end_at_signal(signal: c_int);
    /// PostgreSQL's own handler of SIGTERM: the next check for interrupts ends the process.
    #[cfg(since_pg19)]
    #[link_name = "die"]
    pub fn end_at_signal(signal: c_int, info: *const pg_sys::pg_signal_info);
}

/// The number of a cache of the system catalogs, as a callback gets it.
#[cfg(not(since_pg19))]
pub type CacheOfCatalog = c_int;
/// The number of a cache of the system catalogs, as a callback gets it.
#[cfg(since_pg19)]
pub type CacheOfCatalog = pg_sys::SysCacheIdentifier::Type;

/// Has `callback` called when a row of `pg_extension` changes. Before PostgreSQL 18 it is not: there only some minor
/// releases have a cache of that catalog.
///
/// # Safety
/// The callback lives as long as the process, and does nothing that can raise.
pub unsafe fn watch_extensions(callback: unsafe extern "C-unwind" fn(Datum, CacheOfCatalog, u32)) {
    #[cfg(not(since_pg18))]
    let _ = callback;
    #[cfg(since_pg18)]
    // SAFETY: as the caller promises.
    unsafe {
        pg_sys::CacheRegisterSyscacheCallback(
            pg_sys::SysCacheIdentifier::EXTENSIONOID as _,
            Some(callback),
            Datum::null(),
        );
    }
}

/// The settings that end a transaction which takes too long.
#[cfg(not(since_pg17))]
pub const TIMEOUTS: &[&CStr] = &[c"statement_timeout", c"lock_timeout", c"idle_in_transaction_session_timeout"];
/// The settings that end a transaction which takes too long.
#[cfg(since_pg17)]
pub const TIMEOUTS: &[&CStr] =
    &[c"statement_timeout", c"lock_timeout", c"idle_in_transaction_session_timeout", c"transaction_timeout"];

/// Takes the next value from a sort and hands it to `take`; None at its end. Nothing of it remains after the call.
///
/// # Safety
/// The sort is one of datums of a type that is passed by reference, and is performed.
pub unsafe fn next_sorted<R>(sort: *mut pg_sys::Tuplesortstate, take: impl FnOnce(Datum, bool) -> R) -> Option<R> {
    let (mut datum, mut is_null) = (Datum::null(), false);
    // SAFETY: as the caller promises. PostgreSQL 15 knows no other way than to copy the value for its caller.
    unsafe {
        #[cfg(not(since_pg16))]
        let found = pg_sys::tuplesort_getdatum(sort, true, &mut datum, &mut is_null, std::ptr::null_mut());
        #[cfg(since_pg16)]
        let found = pg_sys::tuplesort_getdatum(sort, true, false, &mut datum, &mut is_null, std::ptr::null_mut());
        if !found {
            return None;
        }
        let taken = take(datum, is_null);
        #[cfg(not(since_pg16))]
        if !is_null {
            pg_sys::pfree(datum.cast_mut_ptr());
        }
        Some(taken)
    }
}

/// Whether the server may remove versions of rows that a snapshot still needs: `old_snapshot_threshold`, which
/// PostgreSQL 17 has no more.
pub fn may_lose_versions() -> bool {
    #[cfg(not(since_pg17))]
    {
        // SAFETY: a setting of the server.
        unsafe { pg_sys::old_snapshot_threshold >= 0 }
    }
    #[cfg(since_pg17)]
    {
        false
    }
}

/// The number under which `pg_stat_activity` shows a wait: by this name since PostgreSQL 17, as `Extension` before.
/// Each call registers the name: keep the number.
pub fn wait_event(name: &CStr) -> u32 {
    #[cfg(not(since_pg17))]
    {
        let _ = name;
        pg_sys::PG_WAIT_EXTENSION
    }
    #[cfg(since_pg17)]
    {
        // SAFETY: registers the name, once for the whole server, and returns its number.
        unsafe { pg_sys::WaitEventExtensionNew(name.as_ptr()) }
    }
}

/// Takes a lock for the session without waiting, and sets `local` to this backend's entry of it.
///
/// # Safety
/// The tag is that of a lock which a session may take.
pub unsafe fn lock_for_session(
    tag: &LOCKTAG,
    mode: LOCKMODE,
    local: &mut *mut LOCALLOCK,
) -> pg_sys::LockAcquireResult::Type {
    // SAFETY: as the caller promises.
    unsafe {
        #[cfg(not(since_pg18))]
        return pg_sys::LockAcquireExtended(tag, mode, true, true, false, local);
        #[cfg(since_pg18)]
        return pg_sys::LockAcquireExtended(tag, mode, true, true, false, local, false);
    }
}

/// Whether subtransactions may start in a parallel query.
pub const PARALLEL_SUBTRANSACTIONS: bool = cfg!(since_pg17);
