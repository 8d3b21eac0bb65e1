//! Kept plans.
//!
//! Owns how the extension runs SQL: each statement of `sql/statements` is planned once in a backend (a generic
//! plan), kept, and run through SPI. Must never build SQL from a value: `@extschema@` is all that is filled in.
//! pgrx's own SPI layer assigns a transaction id even to reads and parses what it returns; a cache can afford
//! neither (P4, "Values are never parsed").

use crate::datum::{Jsonb, TextArray, Timestamp, Xid8};
use crate::home::Home;
use pgrx::datum::Interval;
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::{FromDatum, IntoDatum};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CString;

/// A statement and the types of its parameters. Write it with [`statement!`].
pub struct Statement {
    pub sql: &'static str,
    pub types: &'static [Oid],
}

/// Declares a [`Statement`] from a file in `sql/statements`.
macro_rules! statement {
    ($file:literal, [$($oid:ident),*]) => {
        $crate::statement::Statement {
            sql: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/statements/", $file)),
            types: &[$(pgrx::pg_sys::$oid),*],
        }
    };
}
pub(crate) use statement;

/// A parameter: a datum of the declared type, or NULL.
pub type Param = Option<Datum>;

/// What may be passed as a parameter.
pub trait IntoParam {
    /// The datum, allocated in the current memory context where it needs to be.
    fn param(self) -> Param;
}

impl<T: IntoDatum> IntoParam for T {
    fn param(self) -> Param {
        self.into_datum()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Sees what the calling statement sees; takes no transaction id; runs on a standby and in a parallel worker.
    Reads,
    /// Sees everything committed by now and all that its own transaction has done.
    Writes,
}

thread_local! {
    /// The kept plans of this backend, by the address of their text, with the schema they were made for.
    static PLANS: RefCell<HashMap<(*const u8, Oid), pg_sys::SPIPlanPtr>> = RefCell::new(HashMap::new());
}

/// Forgets the plans: the schema has another name now. They are not freed, because a statement further up the
/// stack may be running one (a trigger on the table that calls the cache); a rename is rare and a plan small.
pub fn forget_plans() {
    PLANS.with_borrow_mut(HashMap::clear);
}

impl Statement {
    /// Runs a statement that only reads, under the snapshot of the calling statement.
    pub fn read<R>(&self, home: &Home, params: &[Param], take: impl FnOnce(&Rows) -> R) -> R {
        self.run(home, params, Effect::Reads, take)
    }

    /// Runs a statement that writes or locks.
    pub fn write<R>(&self, home: &Home, params: &[Param], take: impl FnOnce(&Rows) -> R) -> R {
        self.run(home, params, Effect::Writes, take)
    }

    fn run<R>(&self, home: &Home, params: &[Param], effect: Effect, take: impl FnOnce(&Rows) -> R) -> R {
        debug_assert_eq!(params.len(), self.types.len());
        let mut values: Vec<Datum> = params.iter().map(|param| param.unwrap_or(Datum::null())).collect();
        let nulls: Vec<std::ffi::c_char> =
            params.iter().map(|param| if param.is_some() { b' ' } else { b'n' } as _).collect();
        let connection = Connection::open();
        let plan = self.plan(home);
        // SAFETY: the plan is kept; values and nulls are as many as it has parameters.
        unsafe {
            pg_sys::SPI_execute_plan(plan, values.as_mut_ptr(), nulls.as_ptr(), effect == Effect::Reads, 0);
        }
        // SAFETY: SPI has just set its globals for this connection.
        let rows = unsafe { Rows::current(connection.outer) };
        take(&rows)
    }

    fn plan(&self, home: &Home) -> pg_sys::SPIPlanPtr {
        let key = (self.sql.as_ptr(), home.entries);
        if let Some(plan) = PLANS.with_borrow(|plans| plans.get(&key).copied()) {
            return plan;
        }
        let plan = prepare(&self.sql.replace("@extschema@", &home.schema), self.types);
        // SAFETY: the plan was made in the current connection.
        unsafe { pg_sys::SPI_keepplan(plan) };
        PLANS.with_borrow_mut(|plans| plans.insert(key, plan));
        plan
    }

    /// Runs a statement on the catalogs, which needs no [`Home`], without keeping its plan.
    pub fn read_catalog<R>(&self, take: impl FnOnce(&Rows) -> R) -> R {
        let connection = Connection::open();
        let plan = prepare(self.sql, self.types);
        // SAFETY: the plan was made in the current connection and takes no parameters.
        unsafe { pg_sys::SPI_execute_plan(plan, std::ptr::null_mut(), std::ptr::null(), true, 0) };
        // SAFETY: SPI has just set its globals for this connection.
        let rows = unsafe { Rows::current(connection.outer) };
        take(&rows)
    }
}

fn prepare(sql: &str, types: &[Oid]) -> pg_sys::SPIPlanPtr {
    let sql = CString::new(sql).unwrap_or_default();
    let mut types = types.to_vec();
    // SAFETY: an SPI connection is open; text and types live through the call. Errors are raised, not returned.
    unsafe {
        pg_sys::SPI_prepare_cursor(
            sql.as_ptr(),
            types.len() as i32,
            types.as_mut_ptr(),
            pg_sys::CURSOR_OPT_GENERIC_PLAN as i32,
        )
    }
}

/// An open SPI connection; dropping it closes it, also while an error unwinds.
struct Connection {
    /// The memory context of the caller, where results must be copied to.
    outer: pg_sys::MemoryContext,
}

impl Connection {
    fn open() -> Self {
        // SAFETY: reads a global that PostgreSQL always has set.
        let outer = unsafe { pg_sys::CurrentMemoryContext };
        // SAFETY: pushes a connection, popped by drop or by the abort of the (sub)transaction.
        unsafe { pg_sys::SPI_connect() };
        Self { outer }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: pops a connection: the one that open pushed, or, while an error unwinds from within a nested one, that
        // one; the abort pops what is left.
        unsafe { pg_sys::SPI_finish() };
    }
}

/// The rows of the statement that has just run.
pub struct Rows {
    table: *mut pg_sys::SPITupleTable,
    processed: u64,
    outer: pg_sys::MemoryContext,
}

impl Rows {
    /// # Safety
    /// A statement has just run in the current SPI connection, and `outer` is the context around it.
    unsafe fn current(outer: pg_sys::MemoryContext) -> Self {
        // SAFETY: globals of SPI, only changed by this backend.
        unsafe { Self { table: pg_sys::SPI_tuptable, processed: pg_sys::SPI_processed, outer } }
    }

    /// How many rows were returned, or changed where none is returned.
    pub fn len(&self) -> usize {
        self.processed as usize
    }

    /// A column (from 1) of a row (from 0); None where it is NULL or there is no such row. What it points to is
    /// copied to the caller's memory context.
    pub fn get<T: Column>(&self, row: usize, column: i32) -> Option<T> {
        if self.table.is_null() || row >= self.len() {
            return None;
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
        // SAFETY: switches to a context that outlives the connection, and back.
        unsafe {
            let inner = pg_sys::MemoryContextSwitchTo(self.outer);
            let value = T::copy(datum);
            pg_sys::MemoryContextSwitchTo(inner);
            value
        }
    }
}

/// A type that a column can be read as.
pub trait Column: Sized {
    /// # Safety
    /// The datum is of the SQL type that stands for `Self` and not NULL.
    unsafe fn copy(datum: Datum) -> Option<Self>;
}

macro_rules! column_by_copy {
    ($($name:ident),*) => {$(
        impl Column for $name {
            unsafe fn copy(datum: Datum) -> Option<Self> {
                // SAFETY: the datum is a varlena; out-of-line and compressed values are fetched whole.
                Some($name(unsafe { pg_sys::pg_detoast_datum_copy(datum.cast_mut_ptr()) }.into()))
            }
        }
    )*};
}
column_by_copy!(Jsonb, TextArray);

macro_rules! column_from_datum {
    ($($name:ty),*) => {$(
        impl Column for $name {
            unsafe fn copy(datum: Datum) -> Option<Self> {
                // SAFETY: as the caller promises.
                unsafe { <$name>::from_datum(datum, false) }
            }
        }
    )*};
}
column_from_datum!(String, bool, i32, i64, f64, Oid, Interval, Xid8);

impl Column for Timestamp {
    unsafe fn copy(datum: Datum) -> Option<Self> {
        Some(Self(datum.value() as i64))
    }
}
