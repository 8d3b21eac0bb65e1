//! What watched tables lack.
//!
//! Owns the look at all of them: columns that templates name, with a text, and triggers. A command that would take a
//! column away is refused, and tables that come below get their triggers, where event triggers run: they may be
//! disabled, and so may the triggers of a table. Must never lock a watched table: an operator looks while somebody
//! holds it. (A column of a row type locks that type's relation for a moment.)

use super::cast::Cast;
use super::templates::Watch;
use super::tree::Function;
use crate::catalog::ExtensionTables;
use crate::statement::{IntoParam, Statement, statement};
use std::collections::HashMap;

static ALL: Statement = statement!("watch_all.sql", [OIDOID]);
static UNWATCHED: Statement = statement!("watch_unwatched.sql", [OIDOID]);

/// The tables of which not every change is seen, because a trigger is not there or does not fire when it should.
pub fn unwatched_tables(tables: &ExtensionTables) -> Vec<String> {
    let Some(function) = Function::find(tables) else { return Vec::new() };
    UNWATCHED.read_newest(tables, &[function.oid.param()], |rows| rows.column(1))
}

/// Each column that a template names and its table has not, or has no text of that may be taken, in words.
pub fn missing_columns(tables: &ExtensionTables) -> Vec<String> {
    let Some(function) = Function::find(tables) else { return Vec::new() };
    ALL.read_newest(tables, &[function.oid.param()], |rows| {
        let of_table = |row| {
            let watch = Watch::of_trigger(&rows.get::<Vec<u8>>(row, 2)?)?;
            let types = rows.get::<String>(row, 3).and_then(|types| serde_json::from_str(&types).ok());
            Some(missing(&rows.get::<String>(row, 1)?, &watch, &types.unwrap_or_default()))
        };
        (0..rows.len()).filter_map(of_table).flatten().collect()
    })
}

fn missing(table: &str, watch: &Watch, types: &HashMap<String, u32>) -> Vec<String> {
    let mut missing = Vec::new();
    for name in watch.templates().flat_map(|template| template.columns()) {
        let words = format!("{name} of {table}");
        if !types.get(name).is_some_and(|&kind| Cast::exists(kind.into())) && !missing.contains(&words) {
            missing.push(words);
        }
    }
    missing
}
