//! Which tables have the triggers: the watched table, and every table below it.
//!
//! Owns giving and taking them. A statement fires the triggers of the table that it names, so each partition has its
//! own. Must never act on a table that the caller does not own. The triggers are made as the owner of their function,
//! because only its owner may create triggers with it: a trigger with templates of one's own could delete any key.

use super::columns::Columns;
use super::templates::Watch;
use crate::as_owner::AsOwner;
use crate::catalog;
use crate::error::CacheError;
use crate::home::Home;
use crate::statement::{IntoParam, Statement, command, statement};
use pgrx::pg_sys::{self, Oid};

static FUNCTION: Statement = statement!("watch_function.sql", []);
static SOURCE: Statement = statement!("watch_source.sql", [OIDOID, OIDOID]);
static INSTALL: Statement = statement!("watch_install.sql", [OIDOID, TEXTOID, OIDOID, TEXTOID]);
static REMOVE: Statement = statement!("watch_remove.sql", [OIDOID, OIDOID]);

/// The trigger function.
pub struct Function {
    pub oid: Oid,
    owner: Oid,
}

impl Function {
    /// Finds it.
    ///
    /// # Errors
    /// [`CacheError::NotInstalled`].
    pub fn find(home: &Home) -> Result<Self, CacheError> {
        FUNCTION
            .read_newest(home, &[], |rows| Some(Self { oid: rows.get(0, 1)?, owner: rows.get(0, 2)? }))
            .ok_or(CacheError::NotInstalled)
    }
}

/// A table, and what there is to know about it before it is watched.
struct Table {
    name: String,
    /// With its schema, quoted where it has to be.
    full_name: String,
    is_watchable: bool,
    is_own: bool,
    is_watched: bool,
    watched_above: Option<String>,
    watched_below: Option<String>,
    foreign_below: Option<String>,
}

impl Table {
    fn find(home: &Home, function: &Function, oid: Oid) -> Result<Self, CacheError> {
        let found = SOURCE.read_newest(home, &[oid.param(), function.oid.param()], |rows| {
            Some(Self {
                name: rows.get(0, 1)?,
                full_name: rows.get(0, 2)?,
                is_watchable: rows.get(0, 3)?,
                is_own: rows.get(0, 4)?,
                is_watched: rows.get(0, 5)?,
                watched_above: rows.get(0, 6),
                watched_below: rows.get(0, 7),
                foreign_below: rows.get(0, 8),
            })
        });
        found.ok_or_else(|| CacheError::Unwatchable(u32::from(oid).to_string()))
    }

    /// Refuses what is not the caller's to watch or to watch no more.
    fn check_caller(&self) -> Result<(), CacheError> {
        if !self.is_watchable {
            return Err(CacheError::Unwatchable(self.name.clone()));
        }
        if !self.is_own {
            return Err(CacheError::NotOwner(self.name.clone()));
        }
        match self.watched_above.clone() {
            Some(above) => Err(CacheError::WatchedAbove { table: self.name.clone(), above }),
            None => Ok(()),
        }
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
    let home = catalog::installed()?;
    let function = Function::find(&home)?;
    let table = lock(&home, &function, oid)?;
    table.check_below()?;
    check_columns(oid, watch)?;
    remove(&home, &function, oid);
    install(&home, &function, oid, &watch.argument);
    Ok(())
}

/// Takes the triggers from a table and what is below it; returns whether it had any.
///
/// # Errors
/// Where it is not the caller's to do.
pub fn unwatch(oid: Oid) -> Result<bool, CacheError> {
    let home = catalog::installed()?;
    let function = Function::find(&home)?;
    let table = lock(&home, &function, oid)?;
    remove(&home, &function, oid);
    Ok(table.is_watched)
}

/// Gives the triggers to a table that a command has put below a watched one, and to what is below it.
///
/// # Errors
/// Where it cannot be watched, or is watched already, for something else.
pub fn watch_below(home: &Home, function: &Function, oid: Oid, argument: &str) -> Result<(), CacheError> {
    let table = Table::find(home, function, oid)?;
    if !table.is_watchable {
        return Err(CacheError::ForeignTable(table.name));
    }
    if table.is_watched {
        return Err(CacheError::WatchedBelow(table.name));
    }
    table.check_below()?;
    install(home, function, oid, argument);
    Ok(())
}

/// Locks a table and what is below it against writers and against more tables below, where it is the caller's to do,
/// and looks at it under the lock. Readers are kept out where triggers will be dropped, as DROP TRIGGER does.
fn lock(home: &Home, function: &Function, oid: Oid) -> Result<Table, CacheError> {
    let table = Table::find(home, function, oid)?;
    table.check_caller()?;
    let mode = if table.is_watched { "ACCESS EXCLUSIVE" } else { "SHARE ROW EXCLUSIVE" };
    run(function, &[format!("LOCK TABLE {} IN {mode} MODE", table.full_name)]);
    let table = Table::find(home, function, oid)?;
    table.check_caller()?;
    Ok(table)
}

/// Whether a table has the columns that the templates name.
///
/// # Errors
/// As [`Columns::find`].
pub fn check_columns(oid: Oid, watch: &Watch) -> Result<(), CacheError> {
    // SAFETY: opened and closed in pairs; an error of PostgreSQL leaves the closing to the abort.
    unsafe {
        let relation = pg_sys::relation_open(oid, pg_sys::AccessShareLock as i32);
        let found = Columns::find(relation, watch);
        pg_sys::relation_close(relation, pg_sys::NoLock as i32);
        found.map(|_| ())
    }
}

fn install(home: &Home, function: &Function, oid: Oid, argument: &str) {
    let name = format!("{}.cache_watch_trigger", home.schema);
    let params = [oid.param(), argument.param(), function.oid.param(), name.param()];
    run(function, &INSTALL.read_newest(home, &params, |rows| rows.column::<String>(1)));
}

fn remove(home: &Home, function: &Function, oid: Oid) {
    let params = [oid.param(), function.oid.param()];
    run(function, &REMOVE.read_newest(home, &params, |rows| rows.column::<String>(1)));
}

/// Runs commands as the owner of the trigger function.
fn run(function: &Function, commands: &[String]) {
    let _owner = AsOwner::new(function.owner);
    for text in commands {
        command(text);
    }
}
