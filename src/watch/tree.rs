//! Which tables have the triggers: the watched table, and every table below it.
//!
//! Owns who may give and take them, and the locks. A statement fires the triggers of the table that it names, so each
//! partition has its own. Must never act on a table that the caller does not own, nor take what it has looked up before
//! it had the lock for true. The triggers are made as the owner of their function, because only its owner may create
//! triggers with it: a trigger with templates of one's own could delete any key.

use super::columns::{Columns, Wanted};
use super::install::{install, remove};
use super::templates::Watch;
use crate::catalog;
use crate::catalog::ExtensionTables;
use crate::configuring;
use crate::error::CacheError;
use crate::statement::{IntoParam, Statement, statement};
use pgrx::pg_sys::{self, Oid};

static FUNCTION: Statement = statement!("watch_function.sql", []);
static SOURCE: Statement = statement!("watch_source.sql", [OIDOID, OIDOID]);
static BELOW: Statement = statement!("watch_below.sql", [OIDOID]);

/// The trigger function: a member of the extension, whatever functions of that name there are.
pub struct Function {
    pub oid: Oid,
    pub(super) owner: Oid,
}

impl Function {
    /// Finds it; None where the extension has none.
    pub fn find(tables: &ExtensionTables) -> Option<Self> {
        FUNCTION.read_newest(tables, &[], |rows| Some(Self { oid: rows.get(0, 1)?, owner: rows.get(0, 2)? }))
    }
}

/// A table, and what there is to know about it before it is watched.
struct Table {
    name: String,
    is_watchable: bool,
    is_own: bool,
    is_watched: bool,
    watched_above: Option<String>,
    watched_below: Option<String>,
    foreign_below: Option<String>,
    /// A table below of somebody whose rights the caller does not have.
    not_own_below: Option<String>,
}

impl Table {
    fn find(tables: &ExtensionTables, function: &Function, oid: Oid) -> Result<Self, CacheError> {
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

    /// Refuses what is not the caller's to watch or to watch no more.
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

    /// Refuses a table, or one with a table below it, that is not the caller's.
    fn check_owner(&self) -> Result<(), CacheError> {
        let not_own = if self.is_own { self.not_own_below.as_ref() } else { Some(&self.name) };
        not_own.map_or(Ok(()), |name| Err(CacheError::NotOwner(name.clone())))
    }

    /// Refuses what cannot be watched because of a table below.
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

/// Gives the triggers to a table and what is below it, in place of those that they have.
///
/// # Errors
/// Where it cannot be watched, or not for that.
pub fn watch(oid: Oid, watch: &Watch) -> Result<(), CacheError> {
    let (tables, function) = begin("cache_watch")?;
    let table = lock(&tables, &function, oid)?;
    table.check_below()?;
    check_columns(oid, watch, Wanted::Texts)?;
    remove(&tables, &function, oid);
    install(&tables, &function, oid, &watch.argument);
    Ok(())
}

/// Takes the triggers from a table and what is below it; returns whether it had any.
///
/// # Errors
/// Where it is not the caller's to do.
pub fn unwatch(oid: Oid) -> Result<bool, CacheError> {
    let (tables, function) = begin("cache_unwatch")?;
    let table = lock(&tables, &function, oid)?;
    if table.is_watched {
        remove(&tables, &function, oid);
    }
    Ok(table.is_watched)
}

/// What both need. Refuses a call by code that somebody else runs, as ANALYZE runs the function of an index.
fn begin(caller: &'static str) -> Result<(std::rc::Rc<ExtensionTables>, Function), CacheError> {
    configuring::refuse_if_restricted(caller)?;
    let tables = catalog::installed()?;
    let function = Function::find(&tables).ok_or(CacheError::NotInstalled)?;
    Ok((tables, function))
}

/// Gives the triggers to a table that a command has put below a watched one, and to what is below it.
///
/// # Errors
/// Where it cannot be watched, or is watched already, for something else.
pub fn watch_below(tables: &ExtensionTables, function: &Function, oid: Oid, argument: &str) -> Result<(), CacheError> {
    let table = Table::find(tables, function, oid)?;
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

/// Locks a table and what is below it against writers and against more tables below, where it is the caller's to do,
/// and looks at it under the lock: by then it may have another name, another owner, or be gone. Readers are kept out
/// where triggers will be dropped, as DROP TRIGGER does.
fn lock(tables: &ExtensionTables, function: &Function, oid: Oid) -> Result<Table, CacheError> {
    let mut mode = pg_sys::ShareRowExclusiveLock as i32;
    loop {
        let table = Table::find(tables, function, oid)?;
        table.check_caller()?;
        if table.is_watched {
            mode = pg_sys::AccessExclusiveLock as i32;
        }
        // SAFETY: locks a number, whether there is such a table or not; given back by the end of the transaction.
        unsafe { pg_sys::LockRelationOid(oid, mode) };
        lock_below(tables, oid, mode);
        let table = Table::find(tables, function, oid)?;
        table.check_caller()?;
        if !table.is_watched || mode == pg_sys::AccessExclusiveLock as i32 {
            return Ok(table);
        }
    }
}

/// A table that came below another one before that was locked is locked in the next round.
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

/// Whether the columns of a table that the templates name are as wanted.
///
/// # Errors
/// As [`Columns::check`].
pub fn check_columns(oid: Oid, watch: &Watch, wanted: Wanted) -> Result<(), CacheError> {
    // SAFETY: opened and closed in pairs; an error of PostgreSQL leaves the closing to the abort. A table below may
    // have been dropped.
    unsafe {
        let relation = pg_sys::try_relation_open(oid, pg_sys::AccessShareLock as i32);
        if relation.is_null() {
            return Ok(());
        }
        let checked = Columns::find(relation, watch).check(relation, wanted);
        pg_sys::relation_close(relation, pg_sys::NoLock as i32);
        checked
    }
}
