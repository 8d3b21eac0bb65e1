//! Reads that write nothing: on a standby, in a read-only transaction, in a parallel worker.

use anyhow::Result;
use cache_pg_server_tests::{
    PATIENCE, create_extension, get, launcher, processes, rows, server, sqlstate, swept, swift_server, value,
    with_extension,
};
use postgres::Client;
use postgres::error::SqlState;
use serde_json::{Value, json};
use xtask::cluster::{StopMode, poll, wait_for};

/// What the reads below are about.
const ENTRIES: &str =
    "SELECT cache_set('n:a', '{\"b\": 1}', '1 hour', '{tag}'); SELECT cache_set('n:null', 'null', '1 hour');
     SELECT cache_set_bytes('b:bytes', '\\x00ff', '1 hour')";

const READS: [(&str, &str); 21] = [
    ("cache_get('n:a')", r#"{"b": 1}"#),
    ("cache_get('n:null')", "null"),
    ("cache_get_or_null('n:a')", r#"{"b": 1}"#),
    ("to_jsonb(cache_exists('n:a'))", "true"),
    ("to_jsonb(cache_exists('absent'))", "false"),
    ("to_jsonb(cache_ttl('n:a') BETWEEN '30 minutes' AND '1 hour')", "true"),
    ("to_jsonb(cache_expires_at('n:a') > now())", "true"),
    (
        "(SELECT jsonb_agg(jsonb_build_array(key, value, tags)) FROM cache_entry('n:a'))",
        r#"[["n:a", {"b": 1}, ["tag"]]]"#,
    ),
    ("(SELECT jsonb_agg(value) FROM cache_get_many('{n:null,absent,n:a}'))", r#"[null, {"b": 1}]"#),
    ("(SELECT jsonb_agg(key) FROM cache_keys() AS key)", r#"["b:bytes", "n:a", "n:null"]"#),
    ("to_jsonb(cache_get_bytes('b:bytes'))", r#""\\x00ff""#),
    ("to_jsonb(convert_from(cache_get_bytes('n:null'), 'UTF8'))", r#""null""#),
    ("(SELECT jsonb_agg(value) FROM cache_get_many_bytes('{n:none,b:bytes}'))", r#"["\\x00ff"]"#),
    (
        "(SELECT to_jsonb(f) FROM cache_fetch_bytes('b:bytes') AS f)",
        r#"{"found": true, "value": "\\x00ff", "stale": false, "token": null}"#,
    ),
    ("(SELECT to_jsonb(bytes) FROM cache_entry('b:bytes'))", r#""\\x00ff""#),
    ("to_jsonb(cache_ttl_seconds('n:a') BETWEEN 1800 AND 3600)", "true"),
    ("to_jsonb(cache_count())", "3"),
    ("to_jsonb(cache_count('n', 'n:n'))", "1"),
    ("(SELECT jsonb_agg(key) FROM cache_keys(prefix => 'n:n') AS key)", r#"["n:null"]"#),
    ("to_jsonb(cache_key('n', 'a'))", r#""n:a""#),
    ("(SELECT jsonb_agg(key) FROM cache_keys('n', after => 'n:a') AS key)", r#"["n:null"]"#),
];

/// Every function that writes, except the one that never raises.
const WRITES: [&str; 27] = [
    "cache_set('n:a', '2')",
    "cache_set('n:a', '2', '1 minute')",
    "cache_add('new', '2')",
    "cache_replace('n:a', '2')",
    "cache_cas('n:a', '2', '3')",
    "cache_set_many('{\"n:a\": 2}')",
    "cache_touch('n:a')",
    "cache_incr('counter')",
    "cache_delete('n:a')",
    "cache_delete_many('{n:a}')",
    "cache_take('n:a')",
    "cache_clear()",
    "cache_clear(prefix => 'n')",
    "cache_set_bytes('n:a', '2')",
    "cache_set_many('{n:a}'::text[], '{2}'::jsonb[])",
    "cache_set_many_bytes('{n:a}', '{2}')",
    "cache_set('n:a', '2', expires_at => '2000-01-01')",
    "cache_touch('n:a', expires_at => '2000-01-01')",
    "cache_get_and_touch('n:a')",
    "cache_incr('counter', initial => NULL)",
    "cache_delete('n:a', '3')",
    "cache_take_bytes('n:a')",
    "cache_lock('lock', 'me')",
    "cache_unlock('lock', 'me')",
    "cache_watch('cache_entries', '{n:a}')",
    "cache_sweep()",
    "cache_configure('n', default_ttl => '1 minute')",
];

fn reads_work(client: &mut Client) -> Result<()> {
    for (call, expected) in READS {
        let found: Option<Value> = value(client, &format!("SELECT {call}"))?;
        assert_eq!(found, Some(serde_json::from_str(expected)?), "{call}");
    }
    assert_eq!(value::<Value>(client, "SELECT cache_get('absent')")?, None);
    Ok(())
}

fn writes_are_refused(client: &mut Client) -> Result<()> {
    for call in WRITES {
        let state = sqlstate(client.query(&format!("SELECT {call}"), &[]))?;
        assert_eq!(state, SqlState::READ_ONLY_SQL_TRANSACTION, "{call}");
    }
    assert!(!get::<bool>(client, "SELECT cache_try_set('n:a', '2')")?);
    Ok(())
}

#[test]
fn a_standby_serves_reads_refuses_writes_and_sweeps_once_it_is_promoted() -> Result<()> {
    let primary = swift_server()?.conf("cache_pg.max_workers", "0").start()?;
    let mut client = create_extension(&primary, "postgres")?;
    client.batch_execute(ENTRIES)?;
    client.batch_execute("SELECT cache_set('short', '1', '1 second')")?;
    let standby = primary.standby()?;
    primary.caught_up(&standby)?;
    let mut client = standby.connect("postgres")?;
    wait_for(&mut client, "SELECT cache_get('short') IS NULL", PATIENCE)?;
    assert_eq!(rows(&mut client)?, 4, "the row of the expired entry is still there");
    reads_work(&mut client)?;
    writes_are_refused(&mut client)?;
    for kind in ["cache_pg launcher", "cache_pg sweeper"] {
        assert_eq!(processes(&mut client, kind)?, [0_i32; 0], "{kind}");
    }
    primary.stop(StopMode::Fast)?;
    standby.set_conf("cache_pg.max_workers", "3")?;
    standby.promote()?;
    standby.reload()?;
    launcher(&mut client)?;
    wait_for(&mut client, "SELECT count(*) = 3 FROM cache_entries", PATIENCE)?;
    reads_work(&mut client)?;
    client.batch_execute(
        "SELECT cache_clear(); SET cache_pg.lease = '100ms'; SELECT cache_delete_many('{n:a,n:null,b:bytes}')",
    )?;
    swept(&mut client)
}

#[test]
fn a_standby_follows_what_is_set_and_deleted() -> Result<()> {
    let (primary, mut client) = with_extension()?;
    let standby = primary.standby()?;
    let mut reader = standby.connect("postgres")?;
    for round in 0..20 {
        client.execute("SELECT cache_set('k', to_jsonb($1::int))", &[&round])?;
        client.execute(
            "INSERT INTO cache_entries (key, value, expires_at) VALUES ($1, '1', 'infinity')",
            &[&round.to_string()],
        )?;
        primary.caught_up(&standby)?;
        assert_eq!(get::<Value>(&mut reader, "SELECT cache_get('k')")?, json!(round));
        client.execute("SELECT cache_delete('k')", &[])?;
        primary.caught_up(&standby)?;
        assert_eq!(value::<Value>(&mut reader, "SELECT cache_get('k')")?, None);
    }
    assert_eq!(reader.query("SELECT cache_keys()", &[])?.len(), 20);
    Ok(())
}

/// Its snapshots list no running transactions, so an uncommitted delete would look committed to the fence.
#[test]
fn a_standby_gives_no_token() -> Result<()> {
    let (primary, mut client) = with_extension()?;
    client.batch_execute(
        "SELECT cache_configure('s', stale_for => '1 hour');
         SELECT cache_set('s:stale', '1', '1 millisecond'), cache_set('live', '1')",
    )?;
    wait_for(&mut client, "SELECT cache_get('s:stale') IS NULL", PATIENCE)?;
    let standby = primary.standby()?;
    primary.caught_up(&standby)?;
    let mut reader = standby.connect("postgres")?;
    for (key, wait, expected) in [
        ("absent", "0", "[false, null, false, null]"),
        ("absent", "10 milliseconds", "[false, null, false, null]"),
        ("live", "0", "[true, 1, false, null]"),
        ("s:stale", "0", "[true, 1, true, null]"),
    ] {
        let fetch = "SELECT jsonb_build_array(found, value, stale, token) FROM cache_fetch";
        let found: Value = get(&mut reader, &format!("{fetch}('{key}', '{wait}'::interval)"))?;
        assert_eq!(found, serde_json::from_str::<Value>(expected)?, "{key}");
    }
    let computed: Value = get(&mut reader, "SELECT cache_get_or_set('absent', 'SELECT ''2''::jsonb')")?;
    assert_eq!(computed, json!(2), "computed, and not stored");
    assert_eq!(value::<Value>(&mut reader, "SELECT cache_get('absent')")?, None);
    // What helps itself to the value stores nothing, with the same line of code as where there is a token.
    for nothing in ["cache_fill('absent', '2', NULL)", "cache_release('absent', NULL)"] {
        assert!(!get::<bool>(&mut reader, &format!("SELECT {nothing}"))?, "{nothing}");
    }
    // A token of the primary is of no use here.
    let token: String = get(&mut client, "SELECT token FROM cache_fetch('absent')")?;
    primary.caught_up(&standby)?;
    let state = sqlstate(reader.query("SELECT cache_fill('absent', '1', $1)", &[&token]))?;
    assert_eq!(state, SqlState::READ_ONLY_SQL_TRANSACTION);
    Ok(())
}

#[test]
fn reads_take_no_transaction_id_and_write_no_wal() -> Result<()> {
    let cluster = server()?.conf("autovacuum", "off").conf("cache_pg.max_workers", "0").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(ENTRIES)?;
    client.batch_execute("SELECT cache_set('expired', '1', '1 millisecond')")?;
    client.batch_execute("BEGIN")?;
    reads_work(&mut client)?;
    assert!(get::<bool>(&mut client, "SELECT cache_get('expired') IS NULL")?);
    assert!(get::<bool>(&mut client, "SELECT pg_current_xact_id_if_assigned() IS NULL")?);
    client.batch_execute("COMMIT")?;
    // The server itself writes a little now and then, and a first read notes on the page what has committed.
    poll(PATIENCE, "a thousand reads after which the WAL ends where it did", || {
        let end = "SELECT pg_current_wal_insert_lsn()::text";
        let before: String = get(&mut client, end)?;
        let found: i64 = get(&mut client, "SELECT count(cache_get('n:a')) FROM generate_series(1, 1000)")?;
        assert_eq!(found, 1000);
        reads_work(&mut client)?;
        Ok(get::<String>(&mut client, end)? == before)
    })
}

#[test]
fn a_read_only_transaction_serves_reads_and_refuses_writes() -> Result<()> {
    let (_cluster, mut client) = with_extension()?;
    client.batch_execute(ENTRIES)?;
    client.batch_execute("SET default_transaction_read_only = on")?;
    writes_are_refused(&mut client)?;
    client.batch_execute("BEGIN")?;
    assert!(!get::<bool>(&mut client, "SELECT cache_try_set('n:a', '2')")?);
    reads_work(&mut client)?;
    client.batch_execute("COMMIT")?;
    Ok(())
}

/// Makes the planner use parallel workers wherever it may.
fn in_parallel(client: &mut Client) -> Result<()> {
    let version: i32 = get(client, "SELECT current_setting('server_version_num')::int")?;
    let force = if version >= 160_000 { "debug_parallel_query" } else { "force_parallel_mode" };
    client.batch_execute(&format!(
        "SET {force} = on; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
         SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2"
    ))?;
    Ok(())
}

#[test]
fn reads_work_in_parallel_workers() -> Result<()> {
    let (cluster, mut client) = with_extension()?;
    client.batch_execute(ENTRIES)?;
    client.batch_execute(
        "SELECT cache_set('p:' || n, to_jsonb(n), '1 hour') FROM generate_series(1, 5000) AS n;
         CREATE TABLE keys AS SELECT 'p:' || n AS key, n FROM generate_series(1, 10000) AS n;
         ANALYZE keys;
         CREATE ROLE reader LOGIN;
         GRANT SELECT ON keys, cache_entries TO reader",
    )?;
    let query = "SELECT count(*), count(cache_get(key)), count(*) FILTER (WHERE cache_exists(key)),
                        sum(cache_get(key)::int), count(cache_ttl(key)) FROM keys";
    for user in ["postgres", "reader"] {
        let mut client = cluster.connect_as(user, "postgres")?;
        in_parallel(&mut client)?;
        let row = client.query_one(query, &[])?;
        let counts: Vec<i64> = (0..5).map(|column| row.get(column)).collect();
        assert_eq!(counts, [10_000, 5_000, 5_000, 12_502_500, 5_000], "{user}");
        poll(PATIENCE, "parallel workers to be free", || {
            let plan = client.query(&format!("EXPLAIN (ANALYZE, COSTS off) {query}"), &[])?;
            Ok(plan.iter().any(|line| line.get::<_, String>(0).contains("Workers Launched: 2")))
        })?;
    }
    client.batch_execute("DELETE FROM cache_entries WHERE key LIKE 'p:%'")?;
    in_parallel(&mut client)?;
    let plan = client.query("EXPLAIN SELECT cache_get('n:a')", &[])?;
    assert!(plan.iter().any(|line| line.get::<_, String>(0).contains("Gather")), "{plan:?}");
    reads_work(&mut client)
}
