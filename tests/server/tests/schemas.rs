//! The extension in a schema of its own, whatever the search path of its callers.

use anyhow::{Context, Result};
use cache_pg_server_tests::{create_database, every_verb_works, get, swept, swift_server, value, with_extension};
use postgres::Client;
use serde_json::{Value, json};

/// Objects that would stand in for PostgreSQL's own, and for the extension's, wherever a name is not qualified.
const HOSTILE: &str = "
    CREATE SCHEMA hostile;
    CREATE TABLE hostile.cache_entries (key text, value jsonb, expires_at timestamptz);
    INSERT INTO hostile.cache_entries VALUES ('k', '\"not the cache''s\"', 'infinity');
    CREATE TABLE hostile.cache_namespaces (namespace text);
    CREATE FUNCTION hostile.yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
    CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.yes);
    CREATE FUNCTION hostile.never(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql AS 'SELECT false';
    CREATE OPERATOR hostile.> (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = hostile.never);
    CREATE OPERATOR hostile.<= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = hostile.never);
    CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT 'infinity'::timestamptz$$;
    CREATE FUNCTION hostile.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS $$SELECT 'hijacked'$$;
    CREATE FUNCTION hostile.pg_current_xact_id() RETURNS xid8 LANGUAGE sql AS $$SELECT '3'::xid8$$;
    CREATE TYPE hostile.timestamptz AS (nothing int);
    CREATE TYPE hostile.jsonb AS (nothing int);
    CREATE TYPE hostile.text AS (nothing int);
    CREATE TYPE hostile.interval AS (nothing int);";

/// Every function, called with its schema in front.
fn every_function_works(client: &mut Client, schema: &str) -> Result<()> {
    for (call, expected) in [
        ("cache_set('k', '1'::pg_catalog.jsonb, '1 hour'::pg_catalog.text) IS NOT NULL", json!(true)),
        ("cache_set('other', '1'::pg_catalog.jsonb) IS NOT NULL", json!(true)),
        ("cache_get('k')", json!(1)),
        ("cache_get('absent')", Value::Null),
        ("cache_get_or_null('k')", json!(1)),
        ("cache_exists('k')", json!(true)),
        ("cache_ttl('k') OPERATOR(pg_catalog.>) '59 minutes'::pg_catalog.interval", json!(true)),
        ("cache_expires_at('k') OPERATOR(pg_catalog.>) pg_catalog.now()", json!(true)),
        ("cache_add('k', '2'::pg_catalog.jsonb, '1 hour'::pg_catalog.text)", json!(false)),
        ("cache_replace('k', '2'::pg_catalog.jsonb, '1 hour'::pg_catalog.text)", json!(true)),
        ("cache_try_set('k', '3'::pg_catalog.jsonb, '1 hour'::pg_catalog.text)", json!(true)),
        ("cache_touch('k', '2 hours'::pg_catalog.text)", json!(true)),
        ("cache_incr('k', 1::pg_catalog.int8, '1 hour'::pg_catalog.text)", json!(4)),
        ("cache_set_many('{\"a:1\": 1, \"a:2\": 2}'::pg_catalog.jsonb, '1 hour'::pg_catalog.text)", json!(2)),
        ("cache_take('a:1')", json!(1)),
        ("cache_delete('a:1')", json!(false)),
        ("cache_delete_many('{a:1,a:2}')", json!(1)),
        ("cache_clear('a')", json!(0)),
        ("cache_configure('a', default_ttl => '1 minute') IS NULL", json!(false)),
        ("cache_unconfigure('a')", json!(true)),
        ("cache_sweep() OPERATOR(pg_catalog.>=) 0", json!(true)),
    ] {
        let found: Option<Value> = value(client, &format!("SELECT pg_catalog.to_jsonb({schema}.{call})"))?;
        assert_eq!(found.unwrap_or(Value::Null), expected, "{call}");
    }
    for (rows, expected) in [("cache_entry('k')", 1), ("cache_get_many('{other,k,absent}')", 2), ("cache_keys()", 2)] {
        let count = client.query(&format!("SELECT * FROM {schema}.{rows}"), &[])?.len();
        assert_eq!(count, expected, "{rows}");
    }
    client.execute(&format!("SELECT {schema}.cache_clear()"), &[])?;
    Ok(())
}

#[test]
fn functions_called_by_their_schema_work_under_any_search_path() -> Result<()> {
    let (_cluster, mut client) = with_extension()?;
    client.batch_execute("DROP EXTENSION cache_pg; CREATE SCHEMA \"Cache Space\"")?;
    client.batch_execute("CREATE EXTENSION cache_pg SCHEMA \"Cache Space\"")?;
    client.batch_execute(HOSTILE)?;
    for path in ["''", "pg_catalog", "hostile, public, pg_catalog", "hostile, \"Cache Space\", pg_catalog"] {
        client.batch_execute(&format!("SET search_path = {path}"))?;
        every_function_works(&mut client, "\"Cache Space\"")?;
    }
    Ok(())
}

#[test]
fn a_dropped_schema_takes_the_extension_along_and_it_can_come_back_in_another() -> Result<()> {
    // Tombstones stay for two leases.
    let cluster = swift_server()?.conf("cache_pg.lease", "1s").start()?;
    let mut client = cluster.connect("postgres")?;
    client.batch_execute("CREATE SCHEMA one; CREATE EXTENSION cache_pg SCHEMA one")?;
    // A second session keeps plans, and must notice that what they are for has gone.
    let mut other = cluster.connect("postgres")?;
    every_function_works(&mut other, "one")?;
    client.batch_execute("DROP SCHEMA one CASCADE; CREATE SCHEMA two; CREATE EXTENSION cache_pg SCHEMA two")?;
    every_function_works(&mut other, "two")?;
    client.batch_execute("ALTER SCHEMA two RENAME TO three")?;
    every_function_works(&mut other, "three")?;
    other.batch_execute("SET search_path = three; SELECT cache_set('k', '1', '1 millisecond')")?;
    swept(&mut other)
}

#[test]
fn a_session_whose_snapshot_is_older_than_the_extension_finds_it_afterwards() -> Result<()> {
    let (cluster, mut owner) = with_extension()?;
    owner.batch_execute("CREATE SCHEMA one; CREATE SCHEMA two")?;
    let mut client = cluster.connect("postgres")?;
    client.batch_execute("SET search_path = public, one, two, three")?;
    every_verb_works(&mut client)?;
    for change in [
        "DROP EXTENSION cache_pg; CREATE EXTENSION cache_pg SCHEMA one",
        "DROP EXTENSION cache_pg; CREATE EXTENSION cache_pg SCHEMA two",
        "ALTER SCHEMA two RENAME TO three",
        "ALTER TABLE three.cache_entries DISABLE ROW LEVEL SECURITY",
    ] {
        client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")?;
        owner.batch_execute(change)?;
        // What comes of a call now is not the point; where the extension is gone for good, it may well fail.
        let _ = client.batch_execute("SELECT cache_get('k')");
        client.batch_execute("ROLLBACK")?;
        every_verb_works(&mut client).with_context(|| format!("after {change}"))?;
    }
    Ok(())
}

#[test]
fn the_extension_in_two_databases_is_two_caches() -> Result<()> {
    let (cluster, mut client) = with_extension()?;
    client.batch_execute("SELECT cache_set('k', '1')")?;
    let mut second = create_database(&cluster, "second")?;
    assert!(!get::<bool>(&mut second, "SELECT cache_exists('k')")?);
    second.batch_execute("SELECT cache_set('k', '2')")?;
    assert_eq!(get::<Value>(&mut client, "SELECT cache_get('k')")?, json!(1));
    Ok(())
}
