//! The text that a caller hands to `cache_get_or_set`.

use anyhow::{Result, ensure};
use cache_pg_attack_tests::{DML, Scene, run};
use postgres::Client;

/// Texts that are not one query, each with what must come of it. Today's rule: one SELECT, VALUES, TABLE or WITH.
const NOT_ONE_QUERY: [&str; 34] = [
    "1)); SELECT 4096::bigint WHERE ((true",
    "1)); SELECT '\\x0100005000f0000041424344'::bytea WHERE ((true",
    "1)); SELECT '\\x00'::bytea --",
    "1)); COMMIT; SELECT ((1",
    "1)); DROP TABLE cache_entries; SELECT ((1",
    "1)) UNION ALL SELECT ((2",
    "SELECT 1)) --",
    "SELECT 1)) /*",
    "1",
    "(1)",
    "",
    " ",
    ";",
    ";;",
    "-- nothing",
    "/* nothing */",
    "SELECT 1; SELECT 2",
    "SELECT 1;; SELECT 2",
    "SELECT nextval('touched'); SELECT 1",
    "SELECT 1; COMMIT",
    "COMMIT",
    "DO $$BEGIN PERFORM nextval('touched'); END$$",
    "CALL touch()",
    "COPY (SELECT nextval('touched')) TO STDOUT",
    "EXPLAIN ANALYZE SELECT nextval('touched')",
    "SHOW search_path",
    "SET search_path = evil",
    "INSERT INTO plain VALUES (1) RETURNING id",
    "UPDATE plain SET id = 1 RETURNING id",
    "DELETE FROM plain RETURNING id",
    "SELECT nextval('touched') INTO made",
    "CREATE TABLE made AS SELECT nextval('touched')",
    "PREPARE p AS SELECT 1",
    "DECLARE c CURSOR FOR SELECT 1",
];

/// Queries of another shape than one value, each with its SQLSTATE.
const NOT_ONE_VALUE: [(&str, &[&str]); 9] = [
    ("SELECT", &["42601"]),
    ("SELECT 1, nextval('touched')", &["42601"]),
    ("SELECT FROM plain", &["42601"]),
    ("VALUES (1, 2)", &["42601"]),
    ("SELECT n FROM generate_series(1, 2) AS n", &["21000"]),
    ("VALUES (1), (2)", &["21000"]),
    ("WITH gone AS (DELETE FROM plain RETURNING id) SELECT count(*) FROM gone", &["0A000"]),
    ("WITH new AS (INSERT INTO plain VALUES (1) RETURNING id) SELECT id FROM new", &["0A000"]),
    ("SELECT id FROM plain FOR UPDATE", &["0A000"]),
];

/// Queries whose value is of every kind of type.
const ODDLY_TYPED: [&str; 26] = [
    "4096::bigint",
    "'\\x0100005000f0000041424344'::bytea",
    "'\\x'::bytea",
    "''::text",
    "'a'::text",
    "'a'::name",
    "'a'::\"char\"",
    "true",
    "1::smallint",
    "1e100::float8",
    "'NaN'::float8",
    "1e1000::numeric",
    "'{\"a\": 1}'::json",
    "'{\"a\": 1}'::jsonb",
    "'null'::jsonb",
    "ROW(1, 'a', NULL)",
    "ROW(4096::bigint)",
    "ARRAY[1, NULL, 3]",
    "ARRAY[[1, 2], [3, 4]]",
    "'{}'::text[]",
    "ARRAY['{}'::jsonb]",
    "'infinity'::timestamptz",
    "'1 day'::interval",
    "int4range(1, 2)",
    "'pg_class'::regclass",
    "NULL::bytea",
];

fn scene(name: &str) -> Result<(Scene, Client)> {
    let mut scene = Scene::new(name)?;
    let mut app = scene.role("app", DML)?;
    app.batch_execute(
        "CREATE SEQUENCE touched; CREATE TABLE plain (id int); INSERT INTO plain VALUES (7);
         CREATE PROCEDURE touch() LANGUAGE sql AS $$SELECT nextval('touched')$$",
    )?;
    Ok((scene, app))
}

/// A call of `cache_get_or_set` on `key`, the query in a dollar quote.
fn call(key: &str, query: &str) -> String {
    format!("SELECT cache_get_or_set('{key}', $attack${query}$attack$)")
}

/// Nothing of what the texts wanted to do has been done.
fn untouched(app: &mut Client) -> Result<()> {
    let touched = run(app, "SELECT NOT is_called FROM touched")?;
    ensure!(touched == Ok(Some("t".to_owned())), "the sequence was called: {touched:?}");
    let plain = run(app, "SELECT string_agg(id::text, ',') FROM plain")?;
    ensure!(plain == Ok(Some("7".to_owned())), "the table was written: {plain:?}");
    let made = run(app, "SELECT to_regclass('made') IS NULL")?;
    ensure!(made == Ok(Some("t".to_owned())), "a table was made");
    Ok(())
}

#[test]
fn a_text_that_is_not_one_query_runs_in_no_part() -> Result<()> {
    let (mut scene, mut app) = scene("injected")?;
    for text in NOT_ONE_QUERY {
        let outcome = run(&mut app, &call("k", text))?;
        assert_eq!(outcome, Err("42601".to_owned()), "{text}");
        untouched(&mut app)?;
    }
    assert_eq!(run(&mut app, "SELECT cache_get('k') IS NULL")?, Ok(Some("t".to_owned())));
    scene.unharmed()
}

#[test]
fn a_query_of_another_shape_stores_nothing() -> Result<()> {
    let (mut scene, mut app) = scene("shape")?;
    for (text, states) in NOT_ONE_VALUE {
        let Err(state) = run(&mut app, &call("k", text))? else { panic!("not refused: {text}") };
        assert!(states.contains(&state.as_str()), "{text}: {state}");
        untouched(&mut app)?;
    }
    assert_eq!(run(&mut app, "SELECT cache_get('k') IS NULL")?, Ok(Some("t".to_owned())));
    scene.unharmed()
}

#[test]
fn no_value_of_another_type_is_taken_for_json() -> Result<()> {
    let (mut scene, mut app) = scene("types")?;
    app.batch_execute(
        "CREATE DOMAIN over AS jsonb; CREATE TYPE pair AS (a int, b bytea); CREATE TYPE mood AS ENUM ('x')",
    )?;
    let own = ["'{\"a\": 1}'::over", "ROW(1, '\\x00')::pair", "'x'::mood", "ARRAY['x'::mood]", "NULL::over"];
    for (number, value) in ODDLY_TYPED.into_iter().chain(own).enumerate() {
        let plain = run(&mut app, &format!("SELECT to_jsonb({value})"))?;
        for query in [
            format!("SELECT {value}"),
            format!("VALUES ({value});"),
            format!("WITH x AS (SELECT {value} AS v) TABLE x -- )"),
        ] {
            run(&mut app, &format!("SELECT cache_delete('k:{number}')"))?.ok();
            let computed = run(&mut app, &call(&format!("k:{number}"), &query))?;
            assert_eq!(computed, plain, "{query}");
            let read = run(&mut app, &format!("SELECT cache_get('k:{number}')"))?;
            assert_eq!(read, plain, "stored: {query}");
        }
    }
    scene.unharmed()
}

#[test]
fn a_text_that_only_looks_like_several_statements_is_not_refused() -> Result<()> {
    let (mut scene, mut app) = scene("honest")?;
    for (number, (query, value)) in [
        ("SELECT ';'", "\";\""),
        ("SELECT '));'::text;", "\"));\""),
        ("SELECT $x$; COMMIT;$x$", "\"; COMMIT;\""),
        ("SELECT 1 -- ; COMMIT", "1"),
        ("SELECT /* ; */ 1 ;", "1"),
        ("(SELECT 1)", "1"),
        ("((SELECT 1) UNION ALL (SELECT 2)) ORDER BY 1 LIMIT 1", "1"),
        ("TABLE plain", "7"),
        ("WITH x AS (SELECT 1 AS n) SELECT n FROM x", "1"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(run(&mut app, &call(&format!("h:{number}"), query))?, Ok(Some(value.to_owned())), "{query}");
    }
    scene.unharmed()
}

#[test]
fn a_query_writes_nothing_behind_a_function_either() -> Result<()> {
    let (mut scene, mut app) = scene("behind")?;
    app.batch_execute(
        "CREATE FUNCTION insert_plain() RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO plain VALUES (8) RETURNING id';
         CREATE FUNCTION commit_it() RETURNS int LANGUAGE plpgsql AS 'BEGIN COMMIT; RETURN 1; END';
         CREATE FUNCTION drop_it() RETURNS int LANGUAGE plpgsql AS 'BEGIN DROP TABLE plain; RETURN 1; END'",
    )?;
    for query in ["SELECT commit_it()", "SELECT drop_it()"] {
        let outcome = run(&mut app, &call("k", query))?;
        // What a query's own functions do is their author's doing; a transaction is not theirs to end.
        let refused = outcome.is_err();
        assert!(refused || query != "SELECT commit_it()", "{query}: {outcome:?}");
    }
    scene.unharmed()
}
