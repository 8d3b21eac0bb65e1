//! The function of the triggers on watched tables.
//!
//! Owns the look-up: the function is the member of the extension that calls the library, whatever other functions have
//! its name. Must never find it by name.

use crate::catalog::ExtensionTables;
use crate::statement::{Statement, statement};
use pgrx::pg_sys::Oid;

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
