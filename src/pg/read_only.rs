//! A part of a transaction that must not write.
//!
//! Owns the switch, undone on drop, and by PostgreSQL where an error ends the (sub)transaction. Must never allow a
//! write that the transaction did not allow before.

use pgrx::pg_sys;

/// Until dropped, every command that writes raises 25006, whatever runs it. As in any read-only transaction, temporary
/// tables are exempt.
pub struct ReadOnly {
    before: bool,
}

impl ReadOnly {
    /// From now on.
    pub fn begin() -> Self {
        // SAFETY: a variable of this backend, which SET TRANSACTION READ ONLY sets too.
        let before = unsafe { pg_sys::XactReadOnly };
        // SAFETY: as above.
        unsafe { pg_sys::XactReadOnly = true };
        Self { before }
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { pg_sys::XactReadOnly = self.before };
    }
}
