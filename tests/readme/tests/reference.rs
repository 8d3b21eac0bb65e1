//! The tables of `docs/reference.md`, held against a server: functions, settings, errors.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use cache_pg_readme_tests::{page, server, table};
use postgres::{Client, Row};
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
    // A function behind a view is not called. A function exists for each type of its ttl and is listed once: only the
    // one of intervals has a default for it.
    let query = "
        SELECT proname || '(' || coalesce(string_agg(
                   CASE WHEN position > pronargs - pronargdefaults THEN '[' || name || ']' ELSE name END,
                   ', ' ORDER BY position), '') || ')',
               coalesce(pg_get_function_result(p.oid), 'procedure')
        FROM pg_depend AS d
        JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
        LEFT JOIN LATERAL unnest(p.proargnames[:p.pronargs]) WITH ORDINALITY AS argument (name, position) ON true
        WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cache_pg')
          AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) AND to_regclass(proname) IS NULL
          AND NOT coalesce(proargnames[:pronargs - pronargdefaults] && '{ttl,ttls}', false)
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
        SELECT name, current_setting(name),
               coalesce(min_val || ' to ' || concat_ws(' ', max_val, unit), array_to_string(enumvals, ', '), 'on, off'),
               context
        FROM pg_settings WHERE name LIKE 'cache\\_pg.%'";
    let exist: BTreeSet<_> = client.query(query, &[])?.iter().map(texts).collect::<Result<_>>()?;
    let listed: BTreeSet<_> =
        rows("Settings")?.iter().map(|cells| [&[code(&cells[0])], &cells[1..4]].concat()).collect();
    assert_eq!(listed, exist);
    Ok(())
}

#[test]
fn every_column_of_cache_loads_is_listed_with_its_type() -> Result<()> {
    let (_cluster, mut client) = server()?;
    let query = "
        SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute
        WHERE attrelid = 'cache_loads'::regclass ORDER BY attnum";
    let exist = client.query(query, &[])?.iter().map(texts).collect::<Result<Vec<_>>>()?;
    let exist: Vec<_> = exist.iter().map(|cells| (cells[0].clone(), short_type(&cells[1]))).collect();
    let rows = rows("Tables and views")?;
    let columns = rows.iter().filter(|cells| cells.len() == 3);
    let listed: Vec<_> = columns
        .flat_map(|cells| table::code(&cells[0]).into_iter().map(|name| (name.to_owned(), cells[1].clone())))
        .collect();
    assert_eq!(listed, exist);
    Ok(())
}

#[test]
fn every_error_is_raised_by_its_example() -> Result<()> {
    let (_cluster, mut client) = server()?;
    let mut tried = 0;
    for cells in rows("Errors")? {
        for example in table::code(&cells[3]) {
            assert_eq!(raised(&mut client, example)?, Some(code(&cells[0])), "{example}");
            tried += 1;
        }
    }
    assert!(tried > 50, "only {tried} examples");
    Ok(())
}

/// The SQLSTATE of the error that the statements raise, if they do. Undoes what they do.
fn raised(client: &mut Client, statements: &str) -> Result<Option<String>> {
    let mut transaction = client.transaction()?;
    let error = transaction.batch_execute(statements).err();
    transaction.rollback()?;
    Ok(error.map(|error| error.code().map_or_else(|| error.to_string(), |state| state.code().to_owned())))
}

/// A call of each function, at least one of each name, with a key that is invalid and NULL for all else that must be given.
fn calls_with_a_bad_key(client: &mut Client) -> Result<Vec<(String, String)>> {
    let query = "
        SELECT proname::text, format('SELECT %s(%s%s)', proname, CASE proargnames[1] WHEN 'key' THEN '''''' ELSE 'ARRAY['''']' END,
                                     repeat(', NULL', pronargs - pronargdefaults - 1))
        FROM pg_proc
        WHERE proname LIKE 'cache\\_%' AND proargnames[1] IN ('key', 'keys') AND cardinality(proargnames) >= pronargs
          AND proname NOT IN ('cache_get_or_null', 'cache_try_set', 'cache_try_set_bytes')
          AND NOT proargnames[:pronargs - pronargdefaults] && '{ttl,ttls,values}'";
    client.query(query, &[])?.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

#[test]
fn every_function_with_a_key_refuses_a_bad_one_and_none_raises_unless_it_shall() -> Result<()> {
    let (_cluster, mut client) = server()?;
    let calls = calls_with_a_bad_key(&mut client)?;
    assert!(calls.len() > 30, "only {} functions have a key", calls.len());
    for (name, call) in calls {
        assert_eq!(raised(&mut client, &call)?.as_deref(), Some("22023"), "{name}: {call}");
        for errors in ["warn", "ignore"] {
            let quiet = format!("SET LOCAL cache_pg.errors = {errors}; {call}");
            assert_eq!(raised(&mut client, &quiet)?, None, "{name}: {quiet}");
        }
    }
    for call in ["cache_get_or_null('')", "cache_try_set('', '1')", "cache_try_set_bytes('', '1')"] {
        assert_eq!(raised(&mut client, &format!("SELECT {call}"))?, None, "{call}");
    }
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
