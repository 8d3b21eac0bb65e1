//! The rows that a statement returned.
//!
//! Owns these rows, and how a column becomes a Rust value. Values are copied out of them. Must never be kept longer
//! than the connection, nor be read as another type than the rows have.

use crate::error::CacheError;
use crate::pg::{BigintArray, Bytea, Jsonb, TextArray, Timestamp, Value, Xid8};
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::{FromDatum, datum::Interval};

/// The rows of the statement that has just run.
pub struct Rows {
    table: *mut pg_sys::SPITupleTable,
    processed: u64,
    outer: pg_sys::MemoryContext,
}

impl Rows {
    /// # Safety
    /// A statement has just run in the current SPI connection, and `outer` is the context around it.
    pub(super) unsafe fn current(outer: pg_sys::MemoryContext) -> Self {
        // SAFETY: globals of SPI, only changed by this backend.
        unsafe { Self { table: pg_sys::SPI_tuptable, processed: pg_sys::SPI_processed, outer } }
    }

    /// The number of rows that were returned, or that were changed if the statement returns none.
    pub fn len(&self) -> usize {
        self.processed as usize
    }

    /// A column (counted from 1) of all rows, without NULLs.
    pub fn column<T: FromColumn>(&self, column: i32) -> Vec<T> {
        (0..self.len()).filter_map(|row| self.get(row, column)).collect()
    }

    /// The value of an entry: JSON in the column `column` (counted from 1) of a row (counted from 0), or bytes in the
    /// next column.
    pub fn value(&self, row: usize, column: i32) -> Option<Value> {
        self.get(row, column).map(Value::Json).or_else(|| self.get(row, column + 1).map(Value::Bytes))
    }

    /// A column (counted from 1) of a row (counted from 0). None if it is NULL or there is no such row. The value is
    /// copied to the caller's memory context. Raises [`CacheError::Type`] if the column has another type.
    pub fn get<T: FromColumn>(&self, row: usize, column: i32) -> Option<T> {
        if self.table.is_null() || row >= self.len() {
            return None;
        }
        // SAFETY: the table lives as long as the connection.
        let found = unsafe { pg_sys::SPI_gettypeid((*self.table).tupdesc, column) };
        if !T::TYPES.contains(&found) {
            CacheError::Type { found, wanted: T::TYPES[0] }.raise();
        }
        // SAFETY: the row is within the table, which lives as long as the connection.
        let (datum, is_null) = unsafe {
            let mut is_null = false;
            let tuple = *(*self.table).vals.add(row);
            (pg_sys::SPI_getbinval(tuple, (*self.table).tupdesc, column, &mut is_null), is_null)
        };
        if is_null {
            return None;
        }
        // SAFETY: switches to a context that outlives the connection, and back. The type was verified.
        unsafe {
            let inner = pg_sys::MemoryContextSwitchTo(self.outer);
            let value = T::copy(datum);
            pg_sys::MemoryContextSwitchTo(inner);
            value
        }
    }
}

/// A type that a column can be read as.
pub trait FromColumn: Sized {
    /// The SQL types that may be read as this one, the usual one first.
    const TYPES: &'static [Oid];

    /// # Safety
    /// The datum is of one of these types and not NULL.
    unsafe fn copy(datum: Datum) -> Option<Self>;
}

macro_rules! column_by_copy {
    ($($name:ident: $oid:ident),*) => {$(
        impl FromColumn for $name {
            const TYPES: &'static [Oid] = &[pg_sys::$oid];

            unsafe fn copy(datum: Datum) -> Option<Self> {
                // SAFETY: the datum is a varlena; out-of-line and compressed values are fetched whole.
                Some($name(unsafe { pg_sys::pg_detoast_datum_copy(datum.cast_mut_ptr()) }.into()))
            }
        }
    )*};
}
column_by_copy!(Jsonb: JSONBOID, Bytea: BYTEAOID, TextArray: TEXTARRAYOID, BigintArray: INT8ARRAYOID);

macro_rules! column_from_datum {
    ($($name:ty: [$($oid:ident),*]),*) => {$(
        impl FromColumn for $name {
            const TYPES: &'static [Oid] = &[$(pg_sys::$oid),*];

            unsafe fn copy(datum: Datum) -> Option<Self> {
                // SAFETY: as the caller promises.
                unsafe { <$name>::from_datum(datum, false) }
            }
        }
    )*};
}
column_from_datum!(
    String: [TEXTOID],
    Vec<u8>: [BYTEAOID],
    bool: [BOOLOID],
    i32: [INT4OID],
    i64: [INT8OID],
    f64: [FLOAT8OID],
    Oid: [OIDOID, REGCLASSOID, REGPROCEDUREOID],
    Interval: [INTERVALOID],
    Xid8: [XID8OID]
);

impl FromColumn for Timestamp {
    const TYPES: &'static [Oid] = &[pg_sys::TIMESTAMPTZOID];

    unsafe fn copy(datum: Datum) -> Option<Self> {
        Some(Self(datum.value() as i64))
    }
}
