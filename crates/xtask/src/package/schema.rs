//! Owns the install script: the SQL that `CREATE EXTENSION` runs, extracted from the built library.
//!
//! pgrx writes a record of every SQL entity into a section of the library; its own crate decodes and orders them. Must
//! never change what that crate generates, except for comments: those that say where in the sources a function is would
//! make a new script of every change.

use anyhow::{Context, Result, anyhow};
use object::{Object, ObjectSection};
use pgrx_sql_entity_graph::section::{decode_entities, is_schema_section_name};
use pgrx_sql_entity_graph::{ControlFile, PgrxSql, SqlGraphEntity};

/// The install script of the extension in `library`, whose control file is `control`.
///
/// # Errors
/// When the library holds no SQL, or that of another pgrx version than this tool uses.
pub fn generate(library: &[u8], control: &str) -> Result<String> {
    let file = object::File::parse(library).context("the library is not an object file")?;
    let section = file
        .sections()
        .find(|section| section.name().is_ok_and(is_schema_section_name))
        .context("the library holds no SQL: was it linked without the project's build.rs?")?;
    let entities =
        decode_entities(section.data()?).map_err(|error| anyhow!("cannot decode the SQL in the library: {error}"))?;
    let control = ControlFile::from_str(control)?;
    let versioned_library = control.module_pathname.is_none();
    let all = std::iter::once(SqlGraphEntity::ExtensionRoot(control)).chain(entities);
    PgrxSql::build(all, "cache_pg".to_owned(), versioned_library)
        .and_then(|graph| graph.to_sql())
        .map(|sql| without_comments(&sql))
        .map_err(|error| anyhow!("cannot generate the extension's SQL: {error:#}"))
}

fn without_comments(sql: &str) -> String {
    let is_kept = |line: &&str| !line.contains(" connected objects> */") && !is_place(line);
    let mut kept: String = sql.lines().filter(is_kept).map(without_type).collect::<Vec<_>>().join("\n");
    kept.push('\n');
    kept
}

/// Whether a line names a file of the sources, or a function in it.
fn is_place(line: &str) -> bool {
    line.strip_prefix("-- ").is_some_and(|rest| {
        rest.starts_with("src/") && rest.contains(".rs:") || rest.starts_with("cache_pg::") && !rest.contains(' ')
    })
}

/// Without the Rust type behind an argument.
fn without_type(line: &str) -> &str {
    match line.find(" /* ") {
        Some(at) if line.ends_with("*/") => line[..at].trim_end(),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_the_generator_are_left_out() {
        let sql = "/* <begin connected objects> */\nSELECT 1;\n/* </end connected objects> */\n";
        assert_eq!(without_comments(sql), "SELECT 1;\n");
    }

    #[test]
    fn a_library_without_sql_is_refused() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let error = generate(&own, "").unwrap_err().to_string();
        assert!(error.contains("holds no SQL"), "{error}");
    }
}
