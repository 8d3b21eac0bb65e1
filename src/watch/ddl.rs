//! What follows from commands that change watched tables.
//!
//! Owns the event trigger: a table that comes below a watched one is watched from that moment on, and a command that
//! takes away a column that a template names is refused. It runs inside the commands of everybody, so it must never run
//! anybody's code, nor raise for what does not concern it. Must cost next to nothing where no table is watched, and
//! must leave a restore alone, which makes the triggers of each table itself, one after the other.

use super::templates::Watch;
use super::tree::{self, Function};
use crate::catalog;
use crate::error::CacheError;
use crate::statement::{IntoParam, Statement, statement};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use std::ffi::CStr;

static TOUCHED: Statement = statement!("watch_touched.sql", [OIDOID, BOOLOID]);

/// A table that a command has touched.
struct Touched {
    table: Oid,
    /// What it is watched for. What no `cache_watch` has written there says nothing, here and below.
    own: Option<Watch>,
    /// What it should be watched for, because it is below a table that is.
    inherited: Option<Watch>,
}

/// Runs at the end of a command that creates or alters tables.
#[pg_extern(sql = false)]
fn cache_watch_ddl(call: pg_sys::FunctionCallInfo) -> Result<(), ErrorReport> {
    // SAFETY: PostgreSQL calls the function of an event trigger with its data, and nothing else with such a context.
    let Some(puts_below) = (unsafe { may_put_below(call) }) else { return Ok(()) };
    let Some(home) = catalog::home() else { return Ok(()) };
    let Some(function) = Function::find(&home) else { return Ok(()) };
    let touched: Vec<Touched> = TOUCHED.read_newest(&home, &[function.oid.param(), puts_below.param()], |rows| {
        let told = |row, column| Watch::of_trigger(&rows.get::<Vec<u8>>(row, column)?);
        let touched = |row| Some(Touched { table: rows.get(row, 1)?, own: told(row, 2), inherited: told(row, 3) });
        (0..rows.len()).filter_map(touched).collect()
    });
    for it in touched {
        if let Some(watch) = it.own {
            tree::check_columns(it.table, &watch).map_err(as_watched)?;
        }
        if let Some(watch) = it.inherited {
            tree::watch_below(&home, &function, it.table, &watch.argument)?;
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

/// Whether the command may have put a table below another: CREATE TABLE, ATTACH PARTITION, INHERIT. None where this is
/// not the end of a command: somebody has made an event trigger of his own with our function.
///
/// # Safety
/// `call` is that of an event trigger.
unsafe fn may_put_below(call: pg_sys::FunctionCallInfo) -> Option<bool> {
    // SAFETY: as the caller promises; the parse tree lives as long as the command, and a list has as many cells as it
    // says.
    unsafe {
        let context = (*call).context.cast::<pg_sys::EventTriggerData>();
        if context.is_null()
            || (*context).type_ != pg_sys::NodeTag::T_EventTriggerData
            || CStr::from_ptr((*context).event) != c"ddl_command_end"
        {
            return None;
        }
        let command = (*context).parsetree;
        if (*command).type_ != pg_sys::NodeTag::T_AlterTableStmt {
            return Some((*command).type_ != pg_sys::NodeTag::T_RenameStmt);
        }
        let parts = pgrx::PgList::<pg_sys::AlterTableCmd>::from_pg((*command.cast::<pg_sys::AlterTableStmt>()).cmds);
        Some(parts.iter_ptr().any(|part| {
            matches!(
                (*part).subtype,
                pg_sys::AlterTableType::AT_AttachPartition | pg_sys::AlterTableType::AT_AddInherit
            )
        }))
    }
}
