//! Opening `cache_entries` in order to write to it.
//!
//! Owns what every write below the executor records: the place of the row, the time at which it is due, for the sweeper
//! and for readers, and how much it adds to the cache. Must never open the table for a change that was not announced.

use super::{announce::Announced, image::Image};
use crate::catalog::{ExtensionTables, column};
use crate::entry::{end_of_bare, removable_at};
use crate::evict::{Growth, file, growth};
use crate::heap::shape::Column;
use crate::heap::{Contention, Decision, Purpose, Row, Table, change, hints, table::block_of};
use crate::pg::Timestamp;
use crate::shared::{ranges, refreshes};
use crate::{access::Access, catalog, error::CacheError, namespaces};
use cache_pg_rules::{key::Key, token::hash};
use pgrx::FromDatum;
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
        let refreshes = namespaces::someone_refreshes(&access.tables);
        table.observe(if refreshes { record_written_and_refresh } else { record_written });
        // SAFETY: the relation is open.
        unsafe { file::set_current(table.relation) };
        work(table)
    };
    Table::by_primary_key(access.tables.entries, Purpose::Write, noted)
        .unwrap_or(Err(CacheError::Altered("cache_entries")))
}

/// As [`change`], for a row of an entry: `decide` returns its next image, if it is to be written, and a result. Records
/// how much a write adds to the cache.
pub fn change_entry<R>(
    tables: &ExtensionTables,
    table: &Table,
    key: Key,
    contention: Contention,
    mut decide: impl FnMut(Option<&Row>) -> (Option<Image>, R),
) -> Option<R> {
    let mut growth = Growth::default();
    let result = change(table, key.as_str(), contention, |row| {
        let (image, result) = decide(row);
        growth = image.map_or_else(Growth::default, |image| Growth::of(key, row, image.value));
        match image {
            Some(image) => Decision::Write(image.columns(), result),
            None => Decision::Leave(result),
        }
    })?;
    growth::record(tables, key, growth);
    Some(result)
}

/// Records where a row was written and when it may be removed. A row with a value also leaves a hint for readers.
fn record_written(table: &Table, tid: &ItemPointerData, columns: &[Option<Datum>]) {
    let of = |number: usize| columns[number - 1];
    ranges::record(block_of(tid), removable_at(|column| of(column.number()).map(|datum| datum.value() as i64)));
    if let (Some(key), Some(_)) = (of(column::KEY.number()), of(column::VALUE.number()).or(of(column::BYTES.number())))
    {
        hints::record_written(table, key, tid);
    }
    if let Some(at) = wanted_from(columns) {
        refreshes::record(block_of(tid), at);
    }
}

/// When a worker may load the key of a row, if it is in line to be warmed: at once.
fn wanted_from(columns: &[Option<Datum>]) -> Option<i64> {
    let of = |number: usize| columns[number - 1];
    let has_value = of(column::VALUE.number()).or(of(column::BYTES.number())).is_some();
    let moment = |column: Column<Timestamp>| of(column.number()).map(|datum| datum.value() as i64);
    let until = end_of_bare(has_value, moment)?;
    moment(column::UPDATED_AT).filter(|&written_at| until > written_at)
}

/// As [`record_written`], where some namespace refreshes ahead: also records when the sweeper must look at the entry.
fn record_written_and_refresh(table: &Table, tid: &ItemPointerData, columns: &[Option<Datum>]) {
    record_written(table, tid, columns);
    let moment = |number: usize| columns[number - 1].map(|datum| datum.value() as i64);
    let timing = || {
        columns[column::VALUE.number() - 1]?;
        // SAFETY: the column is a text.
        let key = unsafe { <&str>::from_datum(columns[column::KEY.number() - 1]?, false) };
        let key = Key::parse(key?).ok()?;
        let [written_at, expires_at] = [moment(column::UPDATED_AT.number())?, moment(column::EXPIRES_AT.number())?];
        let load = moment(column::LOAD_US.number());
        let tables = catalog::tables()?;
        let timing = namespaces::timing(&tables, key, (written_at, expires_at), load)?;
        Some(timing.from(hash(key.as_str())))
    };
    if let Some(at) = timing() {
        refreshes::record(block_of(tid), at);
    }
}
