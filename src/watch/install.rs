//! Creating and dropping the triggers of a table.
//!
//! Owns the definition of the triggers, and the look-up of their function: the member of the extension that calls the
//! library, whatever other functions have its name. Tables, triggers and the function are identified by number: a name
//! could refer to another table by the time it is looked up, and a command would run the event triggers of other roles.
//! Must never be called for a table that is not locked.

use crate::statement::{IntoParam, Statement, statement};
use crate::{catalog::ExtensionTables, pg::AsOwner};
use pgrx::pg_sys::{self, Oid};
use std::ffi::{CStr, CString};

static INSTALL: Statement = statement!("watch_install.sql", [OIDOID]);
static REMOVE: Statement = statement!("watch_remove.sql", [OIDOID, OIDOID]);

/// A trigger, as CREATE TRIGGER would define it.
struct TriggerKind {
    name: &'static CStr,
    events: u32,
    /// Whether it has a transition table with the old rows.
    old: bool,
    /// Whether it has a transition table with the new rows.
    new: bool,
    is_row: bool,
    fires: u8,
}

impl TriggerKind {
    /// A statement trigger that fires where the change was made.
    const fn of_statement(name: &'static CStr, events: u32, old: bool, new: bool) -> Self {
        Self { name, events, old, new, is_row: false, fires: pg_sys::TRIGGER_FIRES_ON_ORIGIN }
    }
}

/// The statement triggers. PostgreSQL fires those of the table that a statement names: of a partitioned table, or of a
/// partition.
const OF_STATEMENTS: [TriggerKind; 4] = [
    TriggerKind::of_statement(c"cache_pg_watch_insert", pg_sys::TRIGGER_TYPE_INSERT, false, true),
    TriggerKind::of_statement(c"cache_pg_watch_update", pg_sys::TRIGGER_TYPE_UPDATE, true, true),
    TriggerKind::of_statement(c"cache_pg_watch_delete", pg_sys::TRIGGER_TYPE_DELETE, true, false),
    TriggerKind {
        fires: pg_sys::TRIGGER_FIRES_ALWAYS,
        ..TriggerKind::of_statement(c"cache_pg_watch_truncate", pg_sys::TRIGGER_TYPE_TRUNCATE, false, false)
    },
];

/// The row trigger, for changes that a subscription applies: these fire no statement triggers, and nothing else fires
/// this one. Each table with rows has its own. A partitioned table has none, because PostgreSQL would copy it to the
/// partitions: it would require EXECUTE on the function from the role that creates or attaches a partition, and drop
/// the copy when the partition is detached.
const OF_ROWS: TriggerKind = TriggerKind {
    name: c"cache_pg_watch_applied",
    events: pg_sys::TRIGGER_TYPE_INSERT | pg_sys::TRIGGER_TYPE_UPDATE | pg_sys::TRIGGER_TYPE_DELETE,
    old: false,
    new: false,
    is_row: true,
    fires: pg_sys::TRIGGER_FIRES_ON_REPLICA,
};

/// Creates the triggers of a table and of every table below it, as the owner of their function.
pub fn install(tables: &ExtensionTables, function: &TriggerFunction, table: Oid, argument: &str) {
    let tables: Vec<(Oid, bool)> = INSTALL.read_newest(tables, &[table.param()], |rows| {
        (0..rows.len()).filter_map(|row| Some((rows.get(row, 1)?, rows.get(row, 2)?))).collect()
    });
    let argument = CString::new(argument).unwrap_or_default();
    let _owner = AsOwner::new(function.owner);
    for (table, has_rows) in tables {
        let of_rows = has_rows.then_some(&OF_ROWS);
        for kind in OF_STATEMENTS.iter().chain(of_rows) {
            // SAFETY: the caller has locked the table, so it exists.
            unsafe { create(kind, table, function.oid, &argument) };
        }
    }
}

/// Drops the triggers of a table and of every table below it.
pub fn remove(tables: &ExtensionTables, function: &TriggerFunction, table: Oid) {
    let triggers = REMOVE.read_newest(tables, &[table.param(), function.oid.param()], |rows| rows.column::<Oid>(1));
    for trigger in triggers {
        let object = pg_sys::ObjectAddress { classId: pg_sys::TriggerRelationId, objectId: trigger, objectSubId: 0 };
        // SAFETY: as DROP TRIGGER does, after the caller has checked the ownership of the table and locked it.
        unsafe {
            pg_sys::performDeletion(&object, pg_sys::DropBehavior::DROP_RESTRICT, 0);
            pg_sys::CommandCounterIncrement();
        }
    }
}

/// # Safety
/// The table exists.
unsafe fn create(kind: &TriggerKind, table: Oid, function: Oid, argument: &CStr) {
    // SAFETY: nodes as the parser makes them, in the current memory context; PostgreSQL copies what it keeps.
    unsafe {
        let mut command = pgrx::PgBox::<pg_sys::CreateTrigStmt>::alloc_node(pg_sys::NodeTag::T_CreateTrigStmt);
        command.trigname = pg_sys::pstrdup(kind.name.as_ptr());
        command.args = appended(std::ptr::null_mut(), pg_sys::makeString(pg_sys::pstrdup(argument.as_ptr())));
        command.row = kind.is_row;
        command.timing = pg_sys::TRIGGER_TYPE_AFTER as i16;
        command.events = kind.events as i16;
        for (name, is_new) in [(c"old", false), (c"new", true)] {
            if if is_new { kind.new } else { kind.old } {
                let mut rows =
                    pgrx::PgBox::<pg_sys::TriggerTransition>::alloc_node(pg_sys::NodeTag::T_TriggerTransition);
                rows.name = pg_sys::pstrdup(name.as_ptr());
                rows.isNew = is_new;
                rows.isTable = true;
                command.transitionRels = appended(command.transitionRels, rows.into_pg());
            }
        }
        pg_sys::CreateTriggerFiringOn(
            command.into_pg(),
            c"cache_watch".as_ptr(),
            table,
            Oid::INVALID,
            Oid::INVALID,
            Oid::INVALID,
            function,
            Oid::INVALID,
            std::ptr::null_mut(),
            false,
            false,
            kind.fires as std::ffi::c_char,
        );
        pg_sys::CommandCounterIncrement();
    }
}

/// # Safety
/// `list` is a list of nodes or null, and `node` a node.
unsafe fn appended<T>(list: *mut pg_sys::List, node: *mut T) -> *mut pg_sys::List {
    // SAFETY: as the caller promises.
    unsafe { pg_sys::lappend(list, node.cast()) }
}

static FUNCTION: Statement = statement!("watch_function.sql", []);

/// The trigger function.
pub struct TriggerFunction {
    /// Its number.
    pub oid: Oid,
    /// The role that owns it, and so creates the triggers.
    pub owner: Oid,
}

impl TriggerFunction {
    /// Finds it; None if the extension has none.
    pub fn find(tables: &ExtensionTables) -> Option<Self> {
        FUNCTION.read_newest(tables, &[], |rows| Some(Self { oid: rows.get(0, 1)?, owner: rows.get(0, 2)? }))
    }
}
