//! Opening `cache_entries` in order to write to it.
//!
//! Owns what every write below the executor records: the place of the row, and the time at which it is due, for the
//! sweeper and for readers. Must never open the table for a change that was not announced.

use super::announce::Announced;
use crate::access::Access;
use crate::catalog::column;
use crate::entry::removable_at;
use crate::error::CacheError;
use crate::evict::file;
use crate::heap::{Purpose, Table, hints, table::block_of};
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
    examining(access, work)
}

/// Opens the table with the locks of a change, for work that only looks at the newest version of rows.
///
/// # Errors
/// As [`changing`].
pub fn examining<R>(access: &Access, work: impl FnOnce(&Table) -> Result<R, CacheError>) -> Result<R, CacheError> {
    let noted = |table: &Table| {
        // Only in a table with an observer do hints lead to rows: without one even a look would need the index.
        table.observe(record_written);
        // SAFETY: the relation is open.
        unsafe { file::set_current(table.relation) };
        work(table)
    };
    Table::by_primary_key(access.tables.entries, Purpose::Write, noted)
        .unwrap_or(Err(CacheError::Altered("cache_entries")))
}

/// Records where a row was written and when it may be removed. For a row with a value it also leaves a hint for
/// readers.
fn record_written(table: &Table, tid: &ItemPointerData, columns: &[Option<Datum>]) {
    let of = |number: usize| columns[number - 1];
    ranges::record(block_of(tid), removable_at(|column| of(column.number()).map(|datum| datum.value() as i64)));
    if let (Some(key), Some(_)) = (of(column::KEY.number()), of(column::VALUE.number())) {
        hints::record_written(table, key, tid);
    }
}
