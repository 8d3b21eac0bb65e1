//! The ranges of a table: where their bounds are, and how large they are.
//!
//! Owns the word by which a writer finds the bounds. Must never be changed by a writer: the sweeper lays ranges out.

use cache_pg_rules::ranges::Scale;
use pgrx::pg_sys::Oid;

/// The ranges of a table: which map has their bounds, and how large they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub(super) map: u8,
    /// The file that the rows are in.
    pub(super) file: Oid,
    pub(super) scale: Scale,
}

impl Layout {
    /// Map and scale in one word for writers. The word 0 means that there is none.
    pub(super) fn word(self) -> u32 {
        (u32::from(self.map) + 1) << 8 | u32::from(self.scale.bits())
    }
}
