//! Opening `cache_entries` in order to write to it.
//!
//! Owns what every write below the executor leaves behind: where the row lies and when it is due, told to the sweeper
//! and to the readers. Must never be opened for a change that was not announced.

use super::announce::Announced;
use crate::access::Access;
use crate::catalog::column;
use crate::entry::removable_at;
use crate::error::CacheError;
use crate::evict::file;
use crate::heap::hints;
use crate::heap::table::{Purpose, Table, block_of};
use crate::shared::ranges;
use pgrx::pg_sys::{Datum, ItemPointerData};

/// Opens the table for a change that was announced.
///
/// # Errors
/// [`CacheError::Altered`], and those of `work`.
pub fn changing<R>(
    access: &Access,
    _announced: &Announced,
    work: impl FnOnce(&Table) -> Result<R, CacheError>,
) -> Result<R, CacheError> {
    let observed = |table: &Table| {
        table.observe(record_written);
        work(table)
    };
    examining(access, observed)
}

/// Opens the table with the locks of a change, for work that only looks at the newest version of rows.
///
/// # Errors
/// As [`changing`].
pub fn examining<R>(access: &Access, work: impl FnOnce(&Table) -> Result<R, CacheError>) -> Result<R, CacheError> {
    let noted = |table: &Table| {
        // SAFETY: the relation is open.
        unsafe { file::set_current(table.relation) };
        work(table)
    };
    Table::by_primary_key(access.tables.entries, Purpose::Write, noted)
        .unwrap_or(Err(CacheError::Altered("cache_entries")))
}

/// Notes where a row was written, and when it may go; a value for those who will read it.
fn record_written(table: &Table, tid: &ItemPointerData, columns: &[Option<Datum>]) {
    let of = |number: usize| columns[number - 1];
    ranges::record(block_of(tid), removable_at(|column| of(column.number()).map(|datum| datum.value() as i64)));
    if let (Some(key), Some(_)) = (of(column::KEY.number()), of(column::VALUE.number())) {
        hints::record_written(table, key, tid);
    }
}
