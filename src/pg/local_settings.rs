//! Settings that hold until dropped, as in a function with `SET`.
//!
//! Owns the nesting of settings. Drop, or the abort of the (sub)transaction, undoes every setting made since, including
//! those that user code has made for longer. Must never leave a level of nesting open.

use pgrx::pg_sys;
use std::ffi::{CStr, CString};

/// A search path on which no user's objects come before PostgreSQL's, and temporary objects come last.
pub const SAFE_PATH: (&CStr, &str) = (c"search_path", "pg_catalog, pg_temp");

/// Settings that hold until this is dropped.
pub struct LocalSettings {
    level: i32,
}

impl LocalSettings {
    /// Sets each name to its value. Raises where a value is invalid.
    pub fn new(settings: &[(&CStr, &str)]) -> Self {
        Self::set(settings, pg_sys::GucContext::PGC_USERSET)
    }

    fn set(settings: &[(&CStr, &str)], context: pg_sys::GucContext::Type) -> Self {
        // SAFETY: a new level of nesting, left by drop or by an abort; the texts are copied.
        unsafe {
            let level = pg_sys::NewGUCNestLevel();
            for (name, value) in settings {
                let value = CString::new(*value).unwrap_or_default();
                pg_sys::set_config_option(
                    name.as_ptr(),
                    value.as_ptr(),
                    context,
                    pg_sys::GucSource::PGC_S_SESSION,
                    pg_sys::GucAction::GUC_ACTION_SAVE,
                    true,
                    0,
                    false,
                );
            }
            Self { level }
        }
    }

    /// Sets [`SAFE_PATH`], whatever the caller's search path is.
    pub fn safe_path() -> Self {
        Self::new(&[SAFE_PATH])
    }

    /// Keeps triggers and rules from firing, except those that the owner of a table has enabled for replicas or always.
    /// A role that may only create triggers cannot enable them in that way.
    pub fn without_triggers() -> Self {
        Self::set(&[(c"session_replication_role", "replica")], pg_sys::GucContext::PGC_SUSET)
    }
}

impl Drop for LocalSettings {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: leaves the level that `new` entered. While an error unwinds, the abort does that.
            unsafe { pg_sys::AtEOXact_GUC(false, self.level) };
        }
    }
}
