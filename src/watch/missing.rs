//! Watched tables that lack a trigger or a column.
//!
//! Owns the look-up of columns that templates name but that do not exist or have no usable text, and of triggers that
//! are missing or disabled. Event triggers prevent both, but an administrator can disable these. Must never lock a
//! watched table, so that `cache_health` answers while another session holds a lock on it. (A column of a composite
//! type locks the relation of that type for a moment.)

use super::{cast::Cast, install::TriggerFunction, templates::Watch};
use crate::catalog::ExtensionTables;
use crate::statement::{IntoParam, Statement, statement};
use std::collections::HashMap;

static ANY: Statement = statement!("watch_any.sql", []);
static ALL: Statement = statement!("watch_all.sql", [OIDOID]);
static UNWATCHED: Statement = statement!("watch_unwatched.sql", [OIDOID]);

/// The tables of which some changes are not seen, because a trigger is missing or does not always fire.
pub fn unwatched_tables(tables: &ExtensionTables) -> Vec<String> {
    let Some(function) = TriggerFunction::find(tables) else { return Vec::new() };
    UNWATCHED.read_newest(tables, &[function.oid.param()], |rows| rows.column(1))
}

/// Whether any table is watched, also under a schema that the library does not know.
pub fn is_any_table_watched() -> bool {
    ANY.read_catalog(|rows| rows.get(0, 1) == Some(true))
}

/// Each column that a template names but that does not exist or has no usable text, as "column of table".
pub fn missing_columns(tables: &ExtensionTables) -> Vec<String> {
    let Some(function) = TriggerFunction::find(tables) else { return Vec::new() };
    ALL.read_newest(tables, &[function.oid.param()], |rows| {
        let of_table = |row| {
            let watch = Watch::from_tgargs(&rows.get::<Vec<u8>>(row, 2)?)?;
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
