//! Commands that change watched tables.
//!
//! Owns the event triggers. They watch a table that comes below a watched one, and refuse every command that drops or
//! renames a column which a template names. They also refuse ALTER EXTENSION cache_pg UPDATE to a version that the
//! loaded library does not know. They run inside the commands of all roles, so they must never run code of a user, and
//! never raise an error about tables that are not watched. Under a version that the library does not know, watched
//! tables cannot be told from others: there they refuse commands if any table is watched. They must cost next to
//! nothing if no table is watched, and must not change what a restore does, which creates the triggers of each table
//! itself.

use super::{columns::Requirement, install::TriggerFunction, missing, templates::Watch, tree};
use crate::catalog::{self, ExtensionTables};
use crate::error::{CacheError, ErrorReport};
use crate::statement::{IntoParam, Statement, statement};
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use std::ffi::CStr;

static TOUCHED: Statement = statement!("watch_touched.sql", [OIDOID, BOOLOID]);
static DROPPED: Statement = statement!("watch_dropped.sql", [OIDOID]);

/// A table that a command has touched.
struct Touched {
    table: Oid,
    /// The templates that it is watched with; None if `cache_watch` did not write them, here and below.
    own: Option<Watch>,
    /// The templates of a watched table above it, which it does not have yet.
    inherited: Option<Watch>,
}

/// Runs at the end of a command, and before that if the command drops something.
#[pg_extern(sql = false)]
fn cache_watch_ddl(call: pg_sys::FunctionCallInfo) -> Result<(), ErrorReport> {
    // SAFETY: the arguments of the call; `Event::of` checks that they are those of an event trigger.
    let Some(event) = (unsafe { Event::of(call) }) else { return Ok(()) };
    if matches!(event, Event::Updated) {
        return Ok(catalog::version_changed()?);
    }
    if let Err(error) = catalog::check_version() {
        // The watches of another version are unknown. Where there are none, the command concerns none.
        return if missing::is_any_table_watched() { Err(error.into()) } else { Ok(()) };
    }
    let Some(tables) = catalog::tables() else { return Ok(()) };
    let Some(function) = TriggerFunction::find(&tables) else { return Ok(()) };
    match event {
        Event::Updated => {}
        Event::Dropped => dropped(&tables, &function)?,
        Event::Ended { puts_below, changes_types } => ended(&tables, &function, puts_below, changes_types)?,
    }
    Ok(())
}

/// Refuses to drop a column that a template names. A column is also dropped with its type, for example.
fn dropped(tables: &ExtensionTables, function: &TriggerFunction) -> Result<(), CacheError> {
    let tables: Vec<(Oid, Watch)> = DROPPED.read_newest(tables, &[function.oid.param()], |rows| {
        let table = |row| Some((rows.get(row, 1)?, Watch::from_tgargs(&rows.get::<Vec<u8>>(row, 2)?)?));
        (0..rows.len()).filter_map(table).collect()
    });
    tables
        .iter()
        .try_for_each(|(table, watch)| tree::check_columns(*table, watch, Requirement::Exists).map_err(as_watched))
}

/// Checks and watches the tables that a command has touched. If the text of a type has become unusable since the table
/// was watched, only a command that changes a column's type is refused: the type may belong to another role.
fn ended(
    tables: &ExtensionTables,
    function: &TriggerFunction,
    puts_below: bool,
    changes_types: bool,
) -> Result<(), CacheError> {
    let touched: Vec<Touched> = TOUCHED.read_newest(tables, &[function.oid.param(), puts_below.param()], |rows| {
        let templates = |row, column| Watch::from_tgargs(&rows.get::<Vec<u8>>(row, column)?);
        let touched =
            |row| Some(Touched { table: rows.get(row, 1)?, own: templates(row, 2), inherited: templates(row, 3) });
        (0..rows.len()).filter_map(touched).collect()
    });
    for it in touched {
        if let Some(watch) = it.own {
            let required = if changes_types { Requirement::Text } else { Requirement::Exists };
            tree::check_columns(it.table, &watch, required).map_err(as_watched)?;
        }
        if let Some(watch) = it.inherited {
            tree::watch_below(tables, function, it.table, &watch.argument)?;
        }
    }
    Ok(())
}

/// A column that is missing now existed before this command.
fn as_watched(error: CacheError) -> CacheError {
    match error {
        CacheError::NoColumn { column, table } => CacheError::WatchedColumn { column, table },
        error => error,
    }
}

/// What a command has done, if that can concern watched tables.
enum Event {
    /// ALTER EXTENSION cache_pg UPDATE has ended.
    Updated,
    /// A command has dropped something.
    Dropped,
    /// A command that creates tables, or changes their columns, has ended.
    Ended {
        /// Whether it may have put a table below another: CREATE TABLE, ATTACH PARTITION, INHERIT.
        puts_below: bool,
        /// Whether it may have changed the type of a column.
        changes_types: bool,
    },
}

impl Event {
    /// None for other commands, and if the call is not that of an event trigger.
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
                T_AlterExtensionStmt => {
                    let name = CStr::from_ptr((*command.cast::<pg_sys::AlterExtensionStmt>()).extname);
                    return (name == c"cache_pg").then_some(Self::Updated);
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
