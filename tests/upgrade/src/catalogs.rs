//! The catalogs of an installation as text.
//!
//! Owns the query that lists all facts, and how two lists differ. Must never leave out a fact because it usually does
//! not differ.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use postgres::Client;

const CATALOGS: &str = include_str!("../sql/catalogs.sql");

/// Everything that the catalogs say about the extension, one fact a line, without OIDs.
///
/// # Errors
/// When the extension is not installed there.
pub fn catalogs(client: &mut Client) -> Result<String> {
    // Definitions name objects outside of the search path with their schema.
    client.batch_execute("SET search_path = pg_catalog")?;
    let rows = client.query(CATALOGS, &[])?;
    client.batch_execute("RESET search_path")?;
    let lines = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    ensure!(lines.len() > 500, "only {} facts: the query has missed the extension", lines.len());
    Ok(lines.join("\n"))
}

/// The lines that only one of two texts has, and the number of equal ones. Empty if the texts are the same.
pub fn difference(updated: &str, fresh: &str) -> String {
    if updated == fresh {
        return String::new();
    }
    let [updated, fresh] = [updated, fresh].map(|text| text.lines().collect::<BTreeSet<_>>());
    let only_updated = updated.difference(&fresh).map(|line| format!("updated: {line}\n"));
    only_updated.chain(fresh.difference(&updated).map(|line| format!("  fresh: {line}\n"))).collect()
}
