//! A memory context that is emptied after each item of a loop.
//!
//! A call that goes through a million keys must not keep what each of them needed. Must never hold what outlives the
//! one.

use pgrx::PgMemoryContexts;

/// A memory context that is emptied after each use.
pub struct Scratch(PgMemoryContexts);

impl Scratch {
    /// An empty one.
    pub fn new() -> Self {
        Self(PgMemoryContexts::new("cache_pg scratch"))
    }

    /// Runs `work`, and forgets whatever it has allocated: nothing of that may be in what it returns.
    pub fn run<R>(&mut self, work: impl FnOnce() -> R) -> R {
        // SAFETY: nothing that is allocated within is used after the reset, as the caller promises.
        unsafe {
            let result = self.0.switch_to(|_| work());
            self.0.reset();
            result
        }
    }
}
