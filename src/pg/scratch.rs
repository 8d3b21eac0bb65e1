//! A memory context that is emptied after each item of a loop.
//!
//! Owns such a context: a call over a million keys must not keep the memory that each key needed. Must never hold
//! memory that outlives the item.

use pgrx::PgMemoryContexts;

/// A memory context that is emptied after each use.
pub struct Scratch(PgMemoryContexts);

impl Scratch {
    /// An empty one.
    pub fn new() -> Self {
        Self(PgMemoryContexts::new("cache_pg scratch"))
    }

    /// Runs `work`, then frees everything that it has allocated. The result must not point to any of that.
    pub fn run<R>(&mut self, work: impl FnOnce() -> R) -> R {
        // SAFETY: no memory allocated inside is used after the reset, as the caller promises.
        unsafe {
            let result = self.0.switch_to(|_| work());
            self.0.reset();
            result
        }
    }
}
