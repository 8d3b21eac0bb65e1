//! Statements whose plans are kept.
//!
//! Must never build SQL from a value: `@extschema@` is all that is filled in.

use super::rows::Rows;
use super::running::Running;
use super::spi::{Connection, Param, prepare, values_and_nulls};
use crate::pg::active_snapshot::under_catalog;
use crate::pg::local_settings::LocalSettings;
use crate::shared::ranges;
use pgrx::pg_sys::{self, Oid};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CString;

/// Where the tables are that a statement names.
pub trait Schema {
    /// Its name, quoted where it has to be: it replaces `@extschema@`.
    fn name(&self) -> &str;
    /// Differs between two installations of the extension in one database: plans are kept by it.
    fn installation(&self) -> Oid;
}

/// A statement and the types of its parameters. Write it with [`statement!`].
pub struct Statement {
    pub sql: &'static str,
    pub types: &'static [Oid],
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

    /// Runs a statement that writes, inside a subtransaction that is rolled back.
    pub fn rehearse(&self, schema: &dyn Schema, params: &[Param]) {
        self.run(schema, params, Effect::Rehearses, |_| ());
    }

    /// Runs a statement that writes whatever is there by now, at every isolation level. What others write while it runs
    /// may still raise 40001; another try sees that too.
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

    fn plan(&self, schema: &dyn Schema) -> pg_sys::SPIPlanPtr {
        let key = (self.sql.as_ptr(), schema.installation());
        if let Some(plan) = PLANS.with_borrow(|plans| plans.get(&key).copied()) {
            return plan;
        }
        let sql = CString::new(self.sql.replace("@extschema@", schema.name())).unwrap_or_default();
        let plan = prepare(&sql, self.types);
        // SAFETY: the plan was made in the current connection.
        unsafe { pg_sys::SPI_keepplan(plan) };
        PLANS.with_borrow_mut(|plans| plans.insert(key, plan));
        plan
    }

    /// Runs a statement on the catalogs as they are now, whatever the snapshot of the calling statement is, and
    /// whatever its search path.
    pub fn read_newest<R>(&self, schema: &dyn Schema, params: &[Param], take: impl FnOnce(&Rows) -> R) -> R {
        let _path = LocalSettings::safe_path();
        under_catalog(|| self.read(schema, params, take))
    }

    /// Runs a statement on the catalogs as they are now, whatever the caller's snapshot and search path are. It needs
    /// no [`Schema`], and its plan is not kept.
    pub fn read_catalog<R>(&self, take: impl FnOnce(&Rows) -> R) -> R {
        let _path = LocalSettings::safe_path();
        under_catalog(|| run_once(self.sql, Effect::Reads, take))
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
