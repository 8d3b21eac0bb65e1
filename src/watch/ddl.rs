//! What follows from commands that change watched tables.
//!
//! Owns the event triggers: a table that comes below a watched one is watched from that moment on, and a command that
//! takes away a column that a template names is refused, whatever its tag. They run inside the commands of everybody,
//! so they must never run anybody's code, nor raise for what does not concern them. Must cost next to nothing where no
//! table is watched, and must leave a restore alone, which makes the triggers of each table itself, one after the
//! other.

use super::columns::Wanted;
use super::templates::Watch;
use super::tree::{self, Function};
use crate::catalog;
use crate::catalog::ExtensionTables;
use crate::error::CacheError;
use crate::statement::{IntoParam, Statement, statement};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use std::ffi::CStr;

static TOUCHED: Statement = statement!("watch_touched.sql", [OIDOID, BOOLOID]);
static DROPPED: Statement = statement!("watch_dropped.sql", [OIDOID]);

/// A table that a command has touched.
struct Touched {
    table: Oid,
    /// What it is watched for. What no `cache_watch` has written there says nothing, here and below.
    own: Option<Watch>,
    /// What it should be watched for, because it is below a table that is.
    inherited: Option<Watch>,
}

/// Runs at the end of a command, and before that where it has dropped something.
#[pg_extern(sql = false)]
fn cache_watch_ddl(call: pg_sys::FunctionCallInfo) -> Result<(), ErrorReport> {
    // SAFETY: PostgreSQL calls the function of an event trigger with its data, and nothing else with such a context.
    let Some(event) = (unsafe { Event::of(call) }) else { return Ok(()) };
    let Some(tables) = catalog::tables() else { return Ok(()) };
    let Some(function) = Function::find(&tables) else { return Ok(()) };
    match event {
        Event::Dropped => dropped(&tables, &function)?,
        Event::Ended { puts_below, changes_types } => ended(&tables, &function, puts_below, changes_types)?,
    }
    Ok(())
}

/// Refuses to drop what templates name: a column goes with its type, and with much else that such a command drops.
fn dropped(tables: &ExtensionTables, function: &Function) -> Result<(), CacheError> {
    let tables: Vec<(Oid, Watch)> = DROPPED.read_newest(tables, &[function.oid.param()], |rows| {
        let table = |row| Some((rows.get(row, 1)?, Watch::of_trigger(&rows.get::<Vec<u8>>(row, 2)?)?));
        (0..rows.len()).filter_map(table).collect()
    });
    tables.iter().try_for_each(|(table, watch)| tree::check_columns(*table, watch, Wanted::Columns).map_err(as_watched))
}

/// A type whose cast has become unfit since the table was watched is nobody's fault here: somebody else may own it.
fn ended(
    tables: &ExtensionTables,
    function: &Function,
    puts_below: bool,
    changes_types: bool,
) -> Result<(), CacheError> {
    let touched: Vec<Touched> = TOUCHED.read_newest(tables, &[function.oid.param(), puts_below.param()], |rows| {
        let told = |row, column| Watch::of_trigger(&rows.get::<Vec<u8>>(row, column)?);
        let touched = |row| Some(Touched { table: rows.get(row, 1)?, own: told(row, 2), inherited: told(row, 3) });
        (0..rows.len()).filter_map(touched).collect()
    });
    for it in touched {
        if let Some(watch) = it.own {
            let wanted = if changes_types { Wanted::Texts } else { Wanted::Columns };
            tree::check_columns(it.table, &watch, wanted).map_err(as_watched)?;
        }
        if let Some(watch) = it.inherited {
            tree::watch_below(tables, function, it.table, &watch.argument)?;
        }
    }
    Ok(())
}

/// What is missing was there until this command.
fn as_watched(error: CacheError) -> CacheError {
    match error {
        CacheError::NoColumn { column, table } => CacheError::WatchedColumn { column, table },
        error => error,
    }
}

/// What has happened, where it may concern watched tables.
enum Event {
    /// A command has dropped something.
    Dropped,
    /// A command that makes tables, or changes their columns, has ended.
    Ended {
        /// Whether it may have put a table below another: CREATE TABLE, ATTACH PARTITION, INHERIT.
        puts_below: bool,
        /// Whether it may have given a column another type.
        changes_types: bool,
    },
}

impl Event {
    /// None for other commands, and where somebody has made an event trigger of his own with our function.
    ///
    /// # Safety
    /// `call` is that of an event trigger.
    unsafe fn of(call: pg_sys::FunctionCallInfo) -> Option<Self> {
        // SAFETY: as the caller promises; the parse tree lives as long as the command.
        unsafe {
            let context = (*call).context.cast::<pg_sys::EventTriggerData>();
            if context.is_null() || (*context).type_ != pg_sys::NodeTag::T_EventTriggerData {
                return None;
            }
            match CStr::from_ptr((*context).event).to_bytes() {
                b"sql_drop" => Some(Self::Dropped),
                b"ddl_command_end" => Self::ended((*context).parsetree),
                _ => None,
            }
        }
    }

    /// # Safety
    /// `command` is the parse tree of a command.
    unsafe fn ended(command: *mut pg_sys::Node) -> Option<Self> {
        use pg_sys::AlterTableType as Part;
        use pg_sys::NodeTag::*;
        use pg_sys::ObjectType::{OBJECT_ATTRIBUTE, OBJECT_COLUMN};
        // SAFETY: as the caller promises; a list has as many cells as it says.
        let (puts_below, changes_types) = unsafe {
            match (*command).type_ {
                T_CreateStmt | T_CreateForeignTableStmt | T_CreateSchemaStmt | T_ImportForeignSchemaStmt => {
                    (true, true)
                }
                T_RenameStmt => {
                    let what = (*command.cast::<pg_sys::RenameStmt>()).renameType;
                    if !matches!(what, OBJECT_COLUMN | OBJECT_ATTRIBUTE) {
                        return None;
                    }
                    (false, false)
                }
                T_AlterTableStmt => {
                    let parts = (*command.cast::<pg_sys::AlterTableStmt>()).cmds;
                    let parts = pgrx::PgList::<pg_sys::AlterTableCmd>::from_pg(parts);
                    let has = |wanted: &[Part::Type]| parts.iter_ptr().any(|part| wanted.contains(&(*part).subtype));
                    (has(&[Part::AT_AttachPartition, Part::AT_AddInherit]), has(&[Part::AT_AlterColumnType]))
                }
                _ => return None,
            }
        };
        Some(Self::Ended { puts_below, changes_types })
    }
}
