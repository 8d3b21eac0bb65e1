//! The options of a namespace are the same wherever they stand: the table of options (`src/catalog/options.rs`), of which
//! `cache_configure` is made, the columns of `cache_namespaces`, their comments and bounds, and the documents.

use anyhow::{Context, Result};
use cache_pg_server_tests::{get, sqlstate, with_extension};
use postgres::Client;
use postgres::error::SqlState;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Name and type of each column of `cache_namespaces` that `cache_configure` sets, in order.
fn columns(client: &mut Client) -> Result<Vec<(String, String)>> {
    let rows = client.query(
        "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
         WHERE attrelid = 'cache_namespaces'::regclass AND attnum > 0 AND NOT attisdropped
           AND attname NOT IN ('namespace', 'loader_owner') ORDER BY attnum",
        &[],
    )?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Name and type of each argument of `cache_configure` after the namespace. A function is stored as text.
fn arguments(client: &mut Client) -> Result<Vec<(String, String)>> {
    let rows = client.query(
        "SELECT name, replace(format_type(type, NULL), 'regprocedure', 'text')
         FROM pg_proc, ROWS FROM (unnest(proargnames), unnest(proargtypes::oid[])) WITH ORDINALITY AS a (name, type, number)
         WHERE proname = 'cache_configure' AND number > 1 ORDER BY number",
        &[],
    )?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

#[test]
fn the_arguments_are_the_columns_in_their_order_and_each_is_commented() -> Result<()> {
    let (_cluster, mut client) = with_extension()?;
    let columns = columns(&mut client)?;
    assert!(!columns.is_empty());
    assert_eq!(arguments(&mut client)?, columns);
    let (all, optional): (i16, i16) = {
        let row =
            client.query_one("SELECT pronargs, pronargdefaults FROM pg_proc WHERE proname = 'cache_configure'", &[])?;
        (row.get(0), row.get(1))
    };
    assert_eq!(all - 1, optional, "only the namespace must be given");
    for (name, _) in columns {
        let comment = "SELECT col_description(attrelid, attnum) IS NOT NULL FROM pg_attribute
                       WHERE attrelid = 'cache_namespaces'::regclass AND attname = $1";
        assert!(client.query_one(comment, &[&name])?.get::<_, bool>(0), "column {name} has no comment");
    }
    Ok(())
}

#[test]
fn each_option_is_stored_by_itself_and_kept_while_others_are_set() -> Result<()> {
    let (_cluster, mut client) = with_extension()?;
    client.batch_execute("CREATE FUNCTION load(key text) RETURNS jsonb LANGUAGE sql STABLE RETURN to_jsonb(key)")?;
    let mut set = BTreeSet::new();
    for (name, kind) in columns(&mut client)? {
        let (given, stored) = match (name.as_str(), kind.as_str()) {
            ("loader", _) => ("load(text)", "load(pg_catalog.text)"),
            ("warm", _) => ("VALUES (1)", "VALUES (1)"),
            (_, "interval") => ("1 hour", "01:00:00"),
            (_, "text") => ("some words", "some words"),
            (_, "boolean") => ("true", "true"),
            _ => ("1", "1"),
        };
        client.batch_execute(&format!("SELECT cache_configure('n', {name} => '{given}')"))?;
        let value = client.query_one(&format!("SELECT {name}::text FROM cache_namespaces"), &[])?.get::<_, String>(0);
        assert!(value.ends_with(stored), "{name}: {value}");
        set.insert(name);
        let row: Value = get(&mut client, "SELECT jsonb_strip_nulls(to_jsonb(n)) FROM cache_namespaces AS n")?;
        let mut found: BTreeSet<String> = row.as_object().context("a row")?.keys().cloned().collect();
        found.retain(|it| it != "namespace" && it != "loader_owner");
        assert_eq!(found, set);
    }
    Ok(())
}

#[test]
fn the_function_and_the_table_refuse_a_number_out_of_range() -> Result<()> {
    let (_cluster, mut client) = with_extension()?;
    for (name, kind) in columns(&mut client)? {
        if ["text", "boolean"].contains(&kind.as_str()) {
            continue;
        }
        let given = client.batch_execute(&format!("SELECT cache_configure('n', {name} => '-1')"));
        assert_eq!(sqlstate(given).context(name.clone())?, SqlState::INVALID_PARAMETER_VALUE, "{name}");
        let written =
            client.batch_execute(&format!("INSERT INTO cache_namespaces (namespace, {name}) VALUES ('n', '-1')"));
        assert_eq!(sqlstate(written).context(name.clone())?, SqlState::CHECK_VIOLATION, "{name}");
    }
    Ok(())
}

#[test]
fn the_documents_name_every_option_and_no_other() -> Result<()> {
    let (_cluster, mut client) = with_extension()?;
    let names: Vec<String> = columns(&mut client)?.into_iter().map(|(name, _)| name).collect();
    let signature = format!("`cache_configure(namespace, [{}])`", names.join("], ["));
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = vec![fs::read_to_string(project.join("README.md"))?];
    for page in fs::read_dir(project.join("docs"))? {
        let page = page?.path();
        if page.extension().is_some_and(|it| it == "md") {
            pages.push(fs::read_to_string(page)?);
        }
    }
    let page = pages.iter().find(|page| page.contains(&signature));
    let page = page.with_context(|| format!("no document has {signature}"))?;
    let (_, chapter) = page.split_once("\n## Namespaces\n").context("no chapter on namespaces")?;
    let chapter = chapter.split("\n## ").next().unwrap_or_default();
    for name in names {
        assert!(chapter.contains(&format!("`{name}`")), "the chapter on namespaces does not name {name}");
    }
    Ok(())
}
