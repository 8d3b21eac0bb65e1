//! Kept plans.
//!
//! Owns how the extension runs SQL: each statement of `sql/statements` is planned once in a backend (a generic
//! plan), kept, and run through SPI. Must never build SQL from a value: `@extschema@` is all that is filled in.
//! pgrx's own SPI layer assigns a transaction id even to reads and parses what it returns; a cache can afford
//! neither (P4, "Values are never parsed").

mod query;
mod rows;
mod running;

pub use query::query;
pub use rows::{Column, Rows};
pub use running::{is_fired_by_no_statement, is_running};

use crate::home::Home;
use crate::local_settings::LocalSettings;
use crate::sweep::ranges;
use pgrx::IntoDatum;
use pgrx::pg_sys::{self, Datum, Oid};
use running::Running;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};

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
    /// As `Writes`, and is undone.
    Rehearses,
    /// As `Writes`, also at REPEATABLE READ and SERIALIZABLE: a foreign key sees what it must not leave behind in the
    /// same way.
    WritesBlindly,
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

    /// Runs a statement that writes, inside a subtransaction that is rolled back.
    pub fn rehearse(&self, home: &Home, params: &[Param]) {
        self.run(home, params, Effect::Rehearses, |_| ());
    }

    /// Runs a statement that writes whatever is there by now, at every isolation level. What others write while it runs
    /// may still raise 40001; another try sees that too.
    pub fn write_blindly<R>(&self, home: &Home, params: &[Param], take: impl FnOnce(&Rows) -> R) -> R {
        self.run(home, params, Effect::WritesBlindly, take)
    }

    fn run<R>(&self, home: &Home, params: &[Param], effect: Effect, take: impl FnOnce(&Rows) -> R) -> R {
        debug_assert_eq!(params.len(), self.types.len());
        let (mut values, nulls) = values_and_nulls(params);
        let connection = Connection::open();
        let plan = self.plan(home);
        if matches!(effect, Effect::Writes | Effect::WritesBlindly) {
            ranges::note_anywhere();
        }
        let (values, nulls) = (values.as_mut_ptr(), nulls.as_ptr());
        let running = Running::new();
        // SAFETY: the plan is kept; values and nulls are as many as it has parameters. SPI copies the snapshot.
        unsafe {
            match effect {
                Effect::Reads | Effect::Writes | Effect::Rehearses => {
                    pg_sys::SPI_execute_plan(plan, values, nulls, effect == Effect::Reads, 0);
                }
                Effect::WritesBlindly => {
                    let (newest, no_crosscheck) = (pg_sys::GetLatestSnapshot(), std::ptr::null_mut());
                    pg_sys::SPI_execute_snapshot(plan, values, nulls, newest, no_crosscheck, false, true, 0);
                }
            }
        }
        drop(running);
        // SAFETY: SPI has just set its globals for this connection.
        let rows = unsafe { Rows::current(connection.outer) };
        take(&rows)
    }

    fn plan(&self, home: &Home) -> pg_sys::SPIPlanPtr {
        let key = (self.sql.as_ptr(), home.entries);
        if let Some(plan) = PLANS.with_borrow(|plans| plans.get(&key).copied()) {
            return plan;
        }
        let sql = CString::new(self.sql.replace("@extschema@", &home.schema)).unwrap_or_default();
        let plan = prepare(&sql, self.types);
        // SAFETY: the plan was made in the current connection.
        unsafe { pg_sys::SPI_keepplan(plan) };
        PLANS.with_borrow_mut(|plans| plans.insert(key, plan));
        plan
    }

    /// Runs a statement on the catalogs as they are now, whatever the snapshot of the calling statement is, and
    /// whatever its search path.
    pub fn read_newest<R>(&self, home: &Home, params: &[Param], take: impl FnOnce(&Rows) -> R) -> R {
        let _path = LocalSettings::safe_path();
        // SAFETY: pushed and popped in pairs; an error in between ends the (sub)transaction, which pops it too.
        unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetCatalogSnapshot(pg_sys::RelationRelationId)) };
        let result = self.read(home, params, take);
        // SAFETY: as above.
        unsafe { pg_sys::PopActiveSnapshot() };
        result
    }

    /// Runs a statement on the catalogs as they are now, whatever the caller's snapshot and search path are. It needs
    /// no [`Home`], and its plan is not kept.
    pub fn read_catalog<R>(&self, take: impl FnOnce(&Rows) -> R) -> R {
        let _path = LocalSettings::safe_path();
        // SAFETY: pushed and popped in pairs; an error in between ends the (sub)transaction, which pops it too.
        unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetCatalogSnapshot(pg_sys::RelationRelationId)) };
        let result = run_once(self.sql, Effect::Reads, take);
        // SAFETY: as above.
        unsafe { pg_sys::PopActiveSnapshot() };
        result
    }
}

/// Runs a command that takes no parameters and returns nothing, once, whatever the caller's search path is. Must have
/// its names quoted: a statement of `sql/statements` puts it together with `pg_catalog.format`, or the only names in it
/// are those of the extension's tables.
pub fn command(sql: &str) {
    let _path = LocalSettings::safe_path();
    run_once(sql, Effect::Writes, |_| ());
}

fn run_once<R>(sql: &str, effect: Effect, take: impl FnOnce(&Rows) -> R) -> R {
    let connection = Connection::open();
    let plan = prepare(&CString::new(sql).unwrap_or_default(), &[]);
    let (values, nulls) = (std::ptr::null_mut(), std::ptr::null());
    // SAFETY: the plan was made in the current connection and has no parameters.
    unsafe { pg_sys::SPI_execute_plan(plan, values, nulls, effect == Effect::Reads, 0) };
    // SAFETY: SPI has just set its globals for this connection.
    let rows = unsafe { Rows::current(connection.outer) };
    take(&rows)
}

/// Parameters as SPI takes them.
fn values_and_nulls(params: &[Param]) -> (Vec<Datum>, Vec<std::ffi::c_char>) {
    let value = |param: &Param| param.unwrap_or(Datum::null());
    let null = |param: &Param| if param.is_some() { b' ' } else { b'n' } as _;
    (params.iter().map(value).collect(), params.iter().map(null).collect())
}

fn prepare(sql: &CStr, types: &[Oid]) -> pg_sys::SPIPlanPtr {
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
        // SAFETY: pops a connection: the one that open pushed, or, while an error unwinds from within a nested one,
        // that one; the abort pops what is left.
        unsafe { pg_sys::SPI_finish() };
    }
}
