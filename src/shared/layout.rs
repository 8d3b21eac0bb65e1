//! The ranges of a table: where their bounds are, and how large they are.

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
    /// What a writer needs, in one word; 0 stands for nothing.
    pub(super) fn word(self) -> u32 {
        (u32::from(self.map) + 1) << 8 | u32::from(self.scale.bits())
    }
}
