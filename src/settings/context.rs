//! Who may change a setting, and when.
//!
//! Owns the context of the settings that decide how much shared memory there is. Must never know a setting.

use crate::pg::backend;
use pgrx::GucContext;

/// Postmaster, if the library is being preloaded. Otherwise these settings have no effect, and with that context
/// PostgreSQL would warn in each session that a value from the configuration file cannot be changed without a restart.
pub(super) fn memory_context() -> GucContext {
    if backend::is_preloading() { GucContext::Postmaster } else { GucContext::Sighup }
}
