//! Statements whose plans are kept.
//!
//! Owns the plans of a backend. Must never build SQL from a value: only `@extschema@` and the fragments of
//! `sql/fragments` are filled in. Must never let an error show the text of a statement: users did not write it.

use super::spi::{Connection, Param, prepare, text_of, values_and_nulls};
use super::{fragment, rows::Rows, running::Running};
use crate::pg::{LocalSettings, catch, under_catalog};
use crate::shared::ranges;
use pgrx::pg_sys::{self, Oid};
use std::{cell::RefCell, collections::HashMap, ffi::CStr, ffi::CString};

/// The schema of the tables that a statement names.
pub trait Schema {
    /// Its name, quoted if necessary. It replaces `@extschema@`.
    fn name(&self) -> &str;
    /// A number that differs between two installations of the extension in one database. Plans are kept by it.
    fn installation(&self) -> Oid;
}

/// A statement and the types of its parameters. Write it with `statement!`.
pub struct Statement {
    pub sql: &'static str,
    pub types: &'static [Oid],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Sees what the calling statement sees. Takes no transaction ID. Runs on a standby and in a parallel worker.
    Reads,
    /// Sees everything that is committed by now, and all that its own transaction has done.
    Writes,
    /// As `Writes`, and is rolled back afterwards.
    Rehearses,
    /// As `Writes`, also at REPEATABLE READ and SERIALIZABLE. The checks of a foreign key use such a snapshot too.
    WritesBlindly,
}

thread_local! {
    /// The kept plans of this backend, by the address of the SQL text and the installation that they were made for.
    static PLANS: RefCell<HashMap<(*const u8, Oid), pg_sys::SPIPlanPtr>> = RefCell::new(HashMap::new());
}

/// Drops all plans, because the schema has another name now. Does not free them, because a statement further up the
/// stack may be running one (a trigger on the table that calls the cache). Renames are rare and plans are small.
pub fn discard_plans() {
    PLANS.with_borrow_mut(HashMap::clear);
}

impl Statement {
    /// Runs a statement that only reads, under the snapshot of the calling statement.
    pub fn read<R>(&self, schema: &dyn Schema, params: &[Param], take: impl FnOnce(&Rows) -> R) -> R {
        self.run(schema, params, Effect::Reads, take)
    }

    /// Runs a statement that writes or locks.
    pub fn write<R>(&self, schema: &dyn Schema, params: &[Param], take: impl FnOnce(&Rows) -> R) -> R {
        self.run(schema, params, Effect::Writes, take)
    }

    /// Runs a statement that writes. The caller runs it in a subtransaction that is rolled back.
    pub fn rehearse(&self, schema: &dyn Schema, params: &[Param]) {
        self.run(schema, params, Effect::Rehearses, |_| ());
    }

    /// Runs a statement that writes over the newest committed rows, at every isolation level. A concurrent write may
    /// still raise 40001; another attempt then sees that write too.
    pub fn write_blindly<R>(&self, schema: &dyn Schema, params: &[Param], take: impl FnOnce(&Rows) -> R) -> R {
        self.run(schema, params, Effect::WritesBlindly, take)
    }

    fn run<R>(&self, schema: &dyn Schema, params: &[Param], effect: Effect, take: impl FnOnce(&Rows) -> R) -> R {
        debug_assert_eq!(params.len(), self.types.len());
        let (mut values, nulls) = values_and_nulls(params);
        let connection = Connection::open();
        let plan = self.plan(schema);
        if matches!(effect, Effect::Writes | Effect::WritesBlindly) {
            ranges::record_anywhere();
        }
        let (values, nulls) = (values.as_mut_ptr(), nulls.as_ptr());
        let running = Running::new();
        // SAFETY: the plan is kept, and has as many parameters as there are values and nulls. SPI copies the snapshot.
        unsafe {
            let execute = || match effect {
                Effect::Reads | Effect::Writes | Effect::Rehearses => {
                    pg_sys::SPI_execute_plan(plan, values, nulls, effect == Effect::Reads, 0)
                }
                Effect::WritesBlindly => {
                    let (newest, no_crosscheck) = (pg_sys::GetLatestSnapshot(), std::ptr::null_mut());
                    pg_sys::SPI_execute_snapshot(plan, values, nulls, newest, no_crosscheck, false, true, 0)
                }
            };
            unseen(|| text_of(plan), execute);
        }
        drop(running);
        // SAFETY: SPI has just set its globals for this connection.
        let rows = unsafe { Rows::current(connection.outer) };
        take(&rows)
    }

    fn plan(&self, schema: &dyn Schema) -> pg_sys::SPIPlanPtr {
        let key = (self.sql.as_ptr(), schema.installation());
        if let Some(plan) = PLANS.with_borrow(|plans| plans.get(&key).copied()) {
            return plan;
        }
        let sql = CString::new(fragment::filled(self.sql).replace("@extschema@", schema.name())).unwrap_or_default();
        let plan = unseen(|| &sql, || prepare(&sql, self.types));
        // SAFETY: the plan was made in the current connection.
        unsafe { pg_sys::SPI_keepplan(plan) };
        PLANS.with_borrow_mut(|plans| plans.insert(key, plan));
        plan
    }

    /// Runs a statement on the catalogs as they are now, whatever the snapshot and the search path of the calling
    /// statement.
    pub fn read_newest<R>(&self, schema: &dyn Schema, params: &[Param], take: impl FnOnce(&Rows) -> R) -> R {
        let _path = LocalSettings::safe_path();
        under_catalog(|| self.read(schema, params, take))
    }

    /// Runs a statement on the catalogs as they are now, whatever the snapshot and the search path of the caller. It
    /// needs no [`Schema`], and its plan is not kept.
    pub fn read_catalog<R>(&self, take: impl FnOnce(&Rows) -> R) -> R {
        let _path = LocalSettings::safe_path();
        under_catalog(|| run_once(self.sql, Effect::Reads, take))
    }
}

/// Runs a command without parameters or results once, whatever the caller's search path. Its names must be quoted: a
/// statement of `sql/statements` builds it with `pg_catalog.format`, or it names only the extension's tables.
pub fn command(sql: &str) {
    let _path = LocalSettings::safe_path();
    run_once(sql, Effect::Writes, |_| ());
}

/// Runs a statement of the extension. Removes its text from the context of an error that it raises.
fn unseen<'a, R>(sql: impl FnOnce() -> &'a CStr, run: impl FnOnce() -> R) -> R {
    catch(run).unwrap_or_else(|error| error.without_statement(sql()).raise())
}

fn run_once<R>(sql: &str, effect: Effect, take: impl FnOnce(&Rows) -> R) -> R {
    let connection = Connection::open();
    let sql = CString::new(sql).unwrap_or_default();
    let (values, nulls) = (std::ptr::null_mut(), std::ptr::null());
    // SAFETY: the plan is made in the current connection and has no parameters.
    let execute = || unsafe {
        pg_sys::SPI_execute_plan(prepare(&sql, &[]), values, nulls, effect == Effect::Reads, 0);
    };
    unseen(|| &sql, execute);
    // SAFETY: SPI has just set its globals for this connection.
    let rows = unsafe { Rows::current(connection.outer) };
    take(&rows)
}
