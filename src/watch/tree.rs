//! Which tables have the triggers: the watched table, and every table below it.
//!
//! Owns the checks of the caller, and the locks. A statement fires the triggers of the table that it names, so each
//! partition has its own. Must never act on a table that the caller does not own, and never rely on what it looked up
//! before it had the lock. The owner of the trigger function creates the triggers, because no other role may: a trigger
//! with templates of a user's choice could delete any key.

use super::columns::{Columns, Requirement};
use super::install::{TriggerFunction, install, remove};
use super::templates::Watch;
use crate::catalog::{self, ExtensionTables};
use crate::statement::{IntoParam, Statement, statement};
use crate::{configuring, error::CacheError};
use pgrx::pg_sys::{self, Oid};
use std::ffi::CStr;

static SOURCE: Statement = statement!("watch_source.sql", [OIDOID, OIDOID]);
static BELOW: Statement = statement!("watch_below.sql", [OIDOID]);

/// A table, and what decides whether the caller may watch it.
struct SourceTable {
    name: String,
    is_watchable: bool,
    is_own: bool,
    is_watched: bool,
    watched_above: Option<String>,
    watched_below: Option<String>,
    foreign_below: Option<String>,
    /// A table below whose owner has privileges that the caller does not have.
    not_own_below: Option<String>,
}

impl SourceTable {
    fn find(tables: &ExtensionTables, function: &TriggerFunction, oid: Oid) -> Result<Self, CacheError> {
        let found = SOURCE.read_newest(tables, &[oid.param(), function.oid.param()], |rows| {
            Some(Self {
                name: rows.get(0, 1)?,
                is_watchable: rows.get(0, 2)?,
                is_own: rows.get(0, 3)?,
                is_watched: rows.get(0, 4)?,
                watched_above: rows.get(0, 5),
                watched_below: rows.get(0, 6),
                foreign_below: rows.get(0, 7),
                not_own_below: rows.get(0, 8),
            })
        });
        found.ok_or_else(|| CacheError::Unwatchable(u32::from(oid).to_string()))
    }

    /// Refuses a table that the caller may not watch or unwatch.
    fn check_caller(&self) -> Result<(), CacheError> {
        if !self.is_watchable {
            return Err(CacheError::Unwatchable(self.name.clone()));
        }
        self.check_owner()?;
        match self.watched_above.clone() {
            Some(above) => Err(CacheError::WatchedAbove { table: self.name.clone(), above }),
            None => Ok(()),
        }
    }

    /// Refuses a table if the caller does not own it and every table below it.
    fn check_owner(&self) -> Result<(), CacheError> {
        let not_own = if self.is_own { self.not_own_below.as_ref() } else { Some(&self.name) };
        not_own.map_or(Ok(()), |name| Err(CacheError::NotOwner(name.clone())))
    }

    /// Refuses a table that cannot be watched because of a table below it.
    fn check_below(&self) -> Result<(), CacheError> {
        if let Some(foreign) = self.foreign_below.clone() {
            return Err(CacheError::ForeignTable(foreign));
        }
        match self.watched_below.clone() {
            Some(below) => Err(CacheError::WatchedBelow(below)),
            None => Ok(()),
        }
    }
}

/// Creates the triggers of a table and of the tables below it, in place of those that they have.
///
/// # Errors
/// If the table cannot be watched, the caller does not own it, or the templates do not fit its columns.
pub fn watch(oid: Oid, watch: &Watch) -> Result<(), CacheError> {
    let (tables, function) = begin(c"cache_watch")?;
    let table = lock(&tables, &function, oid)?;
    table.check_below()?;
    check_columns(oid, watch, Requirement::Text)?;
    remove(&tables, &function, oid);
    install(&tables, &function, oid, &watch.argument);
    Ok(())
}

/// Drops the triggers of a table and of the tables below it; returns whether it had any.
///
/// # Errors
/// If the caller does not own the table, or a table above it is watched.
pub fn unwatch(oid: Oid) -> Result<bool, CacheError> {
    let (tables, function) = begin(c"cache_unwatch")?;
    let table = lock(&tables, &function, oid)?;
    if table.is_watched {
        remove(&tables, &function, oid);
    }
    Ok(table.is_watched)
}

/// The needs of both. Refuses a call that may not write, and one in a security-restricted operation, such as ANALYZE
/// that runs a function of an index.
fn begin(caller: &'static CStr) -> Result<(std::rc::Rc<ExtensionTables>, TriggerFunction), CacheError> {
    configuring::refuse_if_read_only(caller);
    configuring::refuse_if_restricted(caller.to_str().unwrap_or_default())?;
    let tables = catalog::installed()?;
    let function = TriggerFunction::find(&tables).ok_or(CacheError::NotInstalled)?;
    Ok((tables, function))
}

/// Creates the triggers of a table that a command has put below a watched one, and of the tables below it.
///
/// # Errors
/// If the table cannot be watched, or is already watched with different templates.
pub fn watch_below(
    tables: &ExtensionTables,
    function: &TriggerFunction,
    oid: Oid,
    argument: &str,
) -> Result<(), CacheError> {
    let table = SourceTable::find(tables, function, oid)?;
    if !table.is_watchable {
        return Err(CacheError::ForeignTable(table.name));
    }
    table.check_owner()?;
    if table.is_watched {
        return Err(CacheError::WatchedBelow(table.name));
    }
    table.check_below()?;
    install(tables, function, oid, argument);
    Ok(())
}

/// Locks a table and the tables below it against writers and against further tables below, if the caller owns them, and
/// looks it up again under the lock: it may have got another name or owner, or have been dropped. If triggers will be
/// dropped, it locks out readers too, as DROP TRIGGER does.
fn lock(tables: &ExtensionTables, function: &TriggerFunction, oid: Oid) -> Result<SourceTable, CacheError> {
    let mut mode = pg_sys::ShareRowExclusiveLock as i32;
    loop {
        let table = SourceTable::find(tables, function, oid)?;
        table.check_caller()?;
        if table.is_watched {
            mode = pg_sys::AccessExclusiveLock as i32;
        }
        // SAFETY: locks a number, whether or not there is such a table; the end of the transaction releases it.
        unsafe { pg_sys::LockRelationOid(oid, mode) };
        lock_below(tables, oid, mode);
        let table = SourceTable::find(tables, function, oid)?;
        table.check_caller()?;
        if !table.is_watched || mode == pg_sys::AccessExclusiveLock as i32 {
            return Ok(table);
        }
    }
}

/// Locks the tables below. A table that came below another before that was locked is locked in the next round.
fn lock_below(tables: &ExtensionTables, oid: Oid, mode: i32) {
    let mut locked: Vec<Oid> = Vec::new();
    loop {
        let mut below = BELOW.read_newest(tables, &[oid.param()], |rows| rows.column::<Oid>(1));
        below.retain(|table| !locked.contains(table));
        if below.is_empty() {
            return;
        }
        // SAFETY: as for the table itself.
        below.iter().for_each(|table| unsafe { pg_sys::LockRelationOid(*table, mode) });
        locked.append(&mut below);
    }
}

/// Checks the columns of a table that the templates name.
///
/// # Errors
/// As [`Columns::check`].
pub fn check_columns(oid: Oid, watch: &Watch, required: Requirement) -> Result<(), CacheError> {
    // SAFETY: opened and closed in pairs; an error of PostgreSQL leaves the closing to the abort. A table below may
    // have been dropped.
    unsafe {
        let relation = pg_sys::try_relation_open(oid, pg_sys::AccessShareLock as i32);
        if relation.is_null() {
            return Ok(());
        }
        let checked = Columns::find(relation, watch).check(relation, required);
        pg_sys::relation_close(relation, pg_sys::NoLock as i32);
        checked
    }
}
