//! The functions of the extension, as the server knows them.
//!
//! Must never leave one out.

use anyhow::{Result, ensure};
use postgres::Client;

/// A function that can be called.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its qualified name.
    pub name: String,
    /// The names of its arguments, empty where one has none.
    pub arguments: Vec<String>,
    /// Their types.
    pub types: Vec<String>,
    /// How many at the end may be left out.
    pub defaults: usize,
    /// Whether the last one takes any number of values.
    pub is_variadic: bool,
}

/// All functions that belong to the extension.
///
/// # Errors
/// When the server does not say, or has suspiciously few.
pub fn functions(client: &mut Client) -> Result<Vec<Function>> {
    let sql = "
        SELECT p.oid::regproc::text, coalesce(p.proargnames, '{}')::text[],
               ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, n) ORDER BY n),
               p.pronargdefaults::int, p.provariadic <> 0
        FROM pg_depend AS d JOIN pg_proc AS p ON p.oid = d.objid
        WHERE d.deptype = 'e' AND d.classid = 'pg_proc'::regclass
          AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cache_pg')
        ORDER BY p.oid::regprocedure::text";
    let rows = client.query(sql, &[])?;
    ensure!(rows.len() > 40, "only {} functions", rows.len());
    Ok(rows
        .iter()
        .map(|row| {
            let (types, mut arguments): (Vec<String>, Vec<String>) = (row.get(2), row.get(1));
            // What follows are the columns of the result.
            arguments.resize(types.len(), String::new());
            // An overloaded name is shown unqualified or qualified as the search path wants it.
            Function {
                name: row.get(0),
                arguments,
                types,
                defaults: usize::try_from(row.get::<_, i32>(3)).unwrap_or(0),
                is_variadic: row.get(4),
            }
        })
        .collect())
}
