//! The tables of `docs/reference.md`, held against a server: functions, settings, errors.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use cache_pg_readme_tests::{page, server, table};
use postgres::Row;
use xtask::cluster::Cluster;
use xtask::postgres as installations;

/// The rows of all tables in a section.
fn rows(section: &str) -> Result<Vec<Vec<String>>> {
    let reference = page("docs/reference.md")?.text;
    let text = table::section(&reference, section).with_context(|| format!("there is no section {section}"))?;
    let rows = table::rows(text);
    ensure!(!rows.is_empty(), "the section {section} has no table");
    Ok(rows)
}

/// The first piece of code in a cell.
fn code(cell: &str) -> String {
    table::code(cell).first().copied().unwrap_or_default().to_owned()
}

fn texts(row: &Row) -> Result<Vec<String>> {
    (0..row.len()).map(|column| Ok(row.try_get(column)?)).collect()
}

/// A type as the page writes it: `TABLE(key text, value jsonb)` is `table(key, value)`.
fn short_type(sql: &str) -> String {
    let Some(columns) = sql.strip_prefix("TABLE(").and_then(|rest| rest.strip_suffix(')')) else {
        return sql.replace("timestamp with time zone", "timestamptz").replace("SETOF", "setof");
    };
    let names: Vec<_> = columns.split(", ").filter_map(|column| column.split(' ').next()).collect();
    format!("table({})", names.join(", "))
}

#[test]
fn every_function_is_listed_with_its_arguments_and_its_type() -> Result<()> {
    let (_cluster, mut client) = server()?;
    // What stands behind a view is not called. A function that takes its ttl as text too is listed once: the others are
    // written in SQL, or have one more argument that must be given.
    let query = "
        SELECT proname || '(' || coalesce(string_agg(
                   CASE WHEN position > pronargs - pronargdefaults THEN '[' || name || ']' ELSE name END,
                   ', ' ORDER BY position), '') || ')',
               pg_get_function_result(p.oid)
        FROM pg_depend AS d
        JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
        LEFT JOIN LATERAL unnest(p.proargnames[:p.pronargs]) WITH ORDINALITY AS argument (name, position) ON true
        WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cache_pg')
          AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) AND prolang <> (SELECT oid FROM pg_language WHERE lanname = 'sql')
          AND to_regclass(proname) IS NULL
          AND p.oid <> to_regprocedure('cache_try_set(text, jsonb, text, text[])')
        GROUP BY p.oid";
    let exist = client.query(query, &[])?.iter().map(texts).collect::<Result<Vec<_>>>()?;
    let exist: BTreeSet<_> = exist.iter().map(|cells| (cells[0].clone(), short_type(&cells[1]))).collect();
    let listed: BTreeSet<_> = rows("Functions")?.iter().map(|cells| (code(&cells[0]), cells[1].clone())).collect();
    assert_eq!(listed, exist);
    Ok(())
}

#[test]
fn every_setting_is_listed_with_its_default_its_range_and_its_context() -> Result<()> {
    let (_cluster, mut client) = server()?;
    let query = "
        SELECT name, current_setting(name), coalesce(min_val || ' to ' || concat_ws(' ', max_val, unit), 'on, off'),
               context
        FROM pg_settings WHERE name LIKE 'cache\\_pg.%'";
    let exist: BTreeSet<_> = client.query(query, &[])?.iter().map(texts).collect::<Result<_>>()?;
    let listed: BTreeSet<_> =
        rows("Settings")?.iter().map(|cells| [&[code(&cells[0])], &cells[1..4]].concat()).collect();
    assert_eq!(listed, exist);
    Ok(())
}

#[test]
fn every_error_is_raised_by_its_example() -> Result<()> {
    let (_cluster, mut client) = server()?;
    let mut tried = 0;
    for cells in rows("Errors")? {
        let example = code(&cells[3]);
        if example.is_empty() {
            continue;
        }
        let mut transaction = client.transaction()?;
        let raised = transaction.batch_execute(&example).err().and_then(|error| error.code().cloned());
        assert_eq!(raised.map(|state| state.code().to_owned()), Some(code(&cells[0])), "{example}");
        transaction.rollback()?;
        tried += 1;
    }
    assert!(tried > 10, "only {tried} rows have an example");
    Ok(())
}

#[test]
fn what_is_said_without_preloading_is_what_create_extension_says() -> Result<()> {
    let cluster = Cluster::builder(&installations::under_test()?).preload(false).start()?;
    let psql = cluster.psql_command("postgres").args(["-c", "CREATE EXTENSION cache_pg"]).output()?;
    let said = String::from_utf8(psql.stderr)?;
    let warning = said.lines().find(|line| line.starts_with("WARNING:")).context("it does not warn")?;
    let schedule = said.find("SELECT cron.schedule").map(|at| said[at..].trim()).context("it has no hint")?;
    let operations = page("docs/operations.md")?.text;
    assert!(operations.contains(warning), "{warning}");
    assert!(operations.contains(schedule), "{schedule}");
    Ok(())
}
