//! The gauge by which limits are judged: it says what is committed, on every path that writes, after rollbacks, crashes
//! and TRUNCATE.

use anyhow::Result;
use cache_pg_server_tests::{PATIENCE, create_extension, get, server, swift_server};
use postgres::Client;
use xtask::cluster::{Cluster, poll, wait_for};

const ENTRIES: &str = "SELECT count(*) FROM cache_entries WHERE value IS NOT NULL";

/// A server without workers, where only writers make room, whose caches hold so many entries.
fn without_workers(most: i64) -> Result<(Cluster, Client)> {
    let cluster =
        server()?.conf("cache_pg.max_workers", "0").conf("cache_pg.max_entries", &most.to_string()).start()?;
    let client = create_extension(&cluster, "postgres")?;
    Ok((cluster, client))
}

/// What the gauge says, in entries.
fn gauge(client: &mut Client) -> Result<i64> {
    get(client, r#"SELECT (regexp_match(value, 'about (\d+)'))[1]::bigint FROM cache_health WHERE "check" = 'size'"#)
}

/// Sets `count` new keys of a namespace, each in a transaction of its own.
fn set(client: &mut Client, namespace: &str, count: i64) -> Result<()> {
    let set = client.prepare("SELECT cache_set($1, to_jsonb(repeat('x', 100)), '1 hour')")?;
    for number in 0..count {
        client.execute(&set, &[&format!("{namespace}:{number}")])?;
    }
    Ok(())
}

/// A call that sets `count` keys of a namespace at once.
fn set_at_once(namespace: &str, count: i64) -> String {
    format!(
        "SELECT cache_set_many((SELECT jsonb_object_agg('{namespace}:' || n, 1) FROM generate_series(1, {count}) AS n), '1 hour')"
    )
}

#[test]
fn p8_what_is_rolled_back_evicts_nothing_and_is_not_counted() -> Result<()> {
    let (_cluster, mut client) = without_workers(5_000)?;
    set(&mut client, "kept", 4_500)?;
    let many = set_at_once("much", 6_000);
    for rolled_back in [
        format!("BEGIN; {many}; ROLLBACK"),
        format!("BEGIN; SAVEPOINT a; {many}; ROLLBACK TO a; SELECT cache_set('kept:1', '1'); COMMIT"),
        format!("BEGIN; SAVEPOINT a; SAVEPOINT b; {many}; RELEASE b; ROLLBACK TO a; COMMIT"),
        format!("DO $$ BEGIN PERFORM * FROM ({many}) AS s; RAISE 'no'; EXCEPTION WHEN raise_exception THEN END $$"),
        format!(
            "SELECT cache_delete_many(array_agg('kept:' || n)) FROM generate_series(1, 4000) AS n; {many}; SELECT 1/0"
        ),
    ] {
        let outcome = client.batch_execute(&rolled_back);
        assert_eq!(outcome.is_err(), rolled_back.ends_with("1/0"), "{outcome:?}");
        set(&mut client, "kept", 3)?;
        assert_eq!(gauge(&mut client)?, 4_500, "{rolled_back}");
        assert_eq!(get::<i64>(&mut client, ENTRIES)?, 4_500, "{rolled_back}");
    }
    client.batch_execute(&format!("BEGIN; SAVEPOINT a; {}; RELEASE a; COMMIT", set_at_once("more", 200)))?;
    assert_eq!(gauge(&mut client)?, 4_700);
    Ok(())
}

#[test]
fn p8_what_is_prepared_counts() -> Result<()> {
    let cluster = server()?
        .conf("cache_pg.max_workers", "0")
        .conf("cache_pg.max_entries", "5000")
        .conf("max_prepared_transactions", "1")
        .start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(&format!("BEGIN; {}; PREPARE TRANSACTION 'p'", set_at_once("k", 300)))?;
    assert_eq!(gauge(&mut client)?, 300);
    client.batch_execute("COMMIT PREPARED 'p'")?;
    assert_eq!(gauge(&mut client)?, 300);
    Ok(())
}

/// What makes writes go through the executor.
const DETOURS: [&str; 3] = [
    "ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
     CREATE POLICY everything ON cache_entries USING (true);
     ALTER TABLE cache_tags ENABLE ROW LEVEL SECURITY;
     CREATE POLICY everything ON cache_tags USING (true)",
    "ALTER TABLE cache_entries ADD CHECK (length(key) > 0)",
    "CREATE INDEX ON cache_entries ((value ->> 'x'))",
];

/// A server without workers whose caches hold 1,000 entries, its owner, and a role that writes by the detour.
fn with_detour(detour: &str) -> Result<(Cluster, Client, Client)> {
    let (cluster, mut owner) = without_workers(1_000)?;
    owner.batch_execute(&format!(
        "{detour};
         CREATE ROLE app LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries, cache_tags TO app"
    ))?;
    let client = cluster.connect_as("app", "postgres")?;
    Ok((cluster, owner, client))
}

#[test]
fn p8_writes_through_the_executor_move_the_gauge_as_others_do() -> Result<()> {
    for detour in DETOURS {
        let (_cluster, mut owner, mut client) = with_detour(detour)?;
        for (call, held) in [
            ("cache_set('k:1', '1', '1 hour')", 1),
            ("cache_set('k:1', '2', '1 hour')", 1),
            ("cache_set_many('{\"k:2\": 1, \"k:3\": 2}')", 3),
            ("cache_add('k:3', '1')", 3),
            ("cache_add('k:4', '1')", 4),
            ("cache_replace('k:4', '2')", 4),
            ("cache_incr('k:5')", 5),
            ("cache_incr('k:5')", 5),
            ("cache_touch('k:5', '1 hour')", 5),
            ("cache_get_or_set('k:6', 'SELECT to_jsonb(1)')", 6),
            ("cache_fill('k:7', '1', (SELECT token FROM cache_fetch('k:7')))", 7),
            ("cache_delete('k:1')", 6),
            ("cache_delete('absent')", 6),
            ("cache_delete_many('{k:2,k:1}')", 5),
            ("cache_take('k:3')", 4),
            ("cache_take('k:3')", 4),
            ("cache_set('other:1', '1')", 5),
            ("cache_set_bytes('k:4', '1')", 5),
            ("cache_add_bytes('k:8', '1')", 6),
            ("cache_set_many_bytes('{k:8,k:9}', ARRAY['1', '2']::bytea[])", 7),
            ("cache_set('k:9', '1', expires_at => '2000-01-01')", 6),
            ("cache_replace_bytes('k:8', '1', expires_at => '2000-01-01')", 5),
            ("cache_lock('k:l', 'me')", 6),
            ("cache_lock('k:l', 'you')", 6),
            ("cache_unlock('k:l', 'me')", 5),
            ("cache_incr('k:i', initial => NULL)", 5),
            ("cache_delete('k:4', '3')", 5),
            ("cache_take_bytes('k:4')", 4),
            ("cache_clear(prefix => 'k:5')", 3),
            ("cache_clear('k')", 1),
            ("cache_clear()", 0),
        ] {
            client.execute(&format!("SELECT {call}"), &[])?;
            assert_eq!(gauge(&mut owner)?, held, "{call} with {detour}");
        }
    }
    Ok(())
}

#[test]
fn p8_the_limit_holds_for_writers_through_the_executor() -> Result<()> {
    for detour in DETOURS {
        let (_cluster, mut owner, mut client) = with_detour(detour)?;
        set(&mut client, "k", 3_000)?;
        let held: i64 = get(&mut owner, ENTRIES)?;
        assert!((900..=1_060).contains(&held), "{held} are held with {detour}");
    }
    Ok(())
}

#[test]
fn p8_values_that_grow_are_bounded_as_entries_that_come_are() -> Result<()> {
    values_grow("cache_replace('k:' || $1::integer, to_jsonb(grown)")
}

#[test]
fn p8_bytes_that_grow_are_bounded_as_json_is() -> Result<()> {
    values_grow("cache_replace_bytes('k:' || $1::integer, convert_to(grown, 'UTF8')")
}

/// Replaces small values with the text `grown`, as `call` without its last parenthesis says.
fn values_grow(call: &str) -> Result<()> {
    let cluster = server()?.conf("cache_pg.max_workers", "0").conf("cache_pg.max_size", "1MB").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    set(&mut client, "k", 1_000)?;
    let grown = "SELECT string_agg(md5(n::text), '') FROM generate_series(1, 45) AS n";
    let replace = client.prepare(&format!("SELECT {call}) FROM ({grown}) AS g (grown)"))?;
    for number in 0..1_000 {
        client.execute(&replace, &[&number])?;
    }
    let held: i64 = get(&mut client, "SELECT coalesce(sum(pg_column_size(e)), 0)::bigint FROM cache_entries AS e")?;
    assert!(held as f64 <= 1.1 * 1_048_576.0, "there are {held} bytes");
    Ok(())
}

/// Makes the server crash under a cache that holds three times what it may, and waits until it is there again.
fn crashed_beyond_the_limit(workers: &str) -> Result<(Cluster, Client)> {
    let cluster = swift_server()?.conf("cache_pg.max_workers", workers).start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(&set_at_once("first", 9_000))?;
    client.batch_execute("ALTER SYSTEM SET cache_pg.max_entries = 3000")?;
    let pid: i32 = get(&mut client, "SELECT pg_backend_pid()")?;
    // Until the postmaster has noticed, connections are still let in, and end with the others.
    let mut witness = cluster.connect("postgres")?;
    cluster.crash_backend(pid)?;
    poll(PATIENCE, "the crash to be noticed", || Ok(witness.simple_query("SELECT 1").is_err()))?;
    let mut client = None;
    poll(PATIENCE, "the server to be there again", || {
        client = cluster.connect("postgres").ok().filter(|_| !cluster.log().is_empty());
        Ok(client.as_mut().is_some_and(|client| get::<i64>(client, ENTRIES).is_ok()))
    })?;
    let mut client = client.ok_or_else(|| anyhow::anyhow!("there is no connection"))?;
    client.batch_execute("SELECT pg_reload_conf()")?;
    wait_for(&mut client, "SELECT current_setting('cache_pg.max_entries') = '3000'", PATIENCE)?;
    Ok((cluster, client))
}

#[test]
fn p8_after_a_crash_writers_bring_a_cache_back_within_its_limit() -> Result<()> {
    let (_cluster, mut client) = crashed_beyond_the_limit("0")?;
    set(&mut client, "second", 7_000)?;
    let held: i64 = get(&mut client, ENTRIES)?;
    assert!((2_500..=3_300).contains(&held), "{held} are held");
    Ok(())
}

#[test]
fn p8_after_a_crash_the_limit_holds_again_while_writers_go_on() -> Result<()> {
    let (_cluster, mut client) = crashed_beyond_the_limit("1")?;
    let mut round = 0;
    poll(PATIENCE, "the cache to be within its limit", || {
        round += 1;
        set(&mut client, &format!("round{round}"), 50)?;
        Ok(get::<i64>(&mut client, ENTRIES)? <= 3_150)
    })?;
    wait_for(&mut client, r#"SELECT status = 'ok' FROM cache_health WHERE "check" = 'size'"#, PATIENCE)
}

#[test]
fn p8_a_value_in_its_grace_counts_once_when_it_is_refreshed() -> Result<()> {
    let cluster = swift_server()?.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(
        "SELECT cache_configure('k', stale_for => '1 hour');
         SELECT cache_set('k:' || n, '1', '1 millisecond') FROM generate_series(1, 1000) AS n",
    )?;
    let written_at: String = get(&mut client, "SELECT clock_timestamp()::text")?;
    let counted =
        format!("SELECT entries = 1000 AND counted_at > '{written_at}' FROM cache_stats WHERE scope = 'total'");
    wait_for(&mut client, &counted, PATIENCE)?;
    client.batch_execute("SELECT cache_set('k:' || n, '1', '1 hour') FROM generate_series(1, 1000) AS n")?;
    assert_eq!(gauge(&mut client)?, 1_000);
    Ok(())
}

/// Writes entries while the trigger that counts is disabled.
fn insert_untold(client: &mut Client, namespace: &str, count: i64) -> Result<()> {
    Ok(client.batch_execute(&format!(
        "ALTER TABLE cache_entries DISABLE TRIGGER cache_entries_changed;
         INSERT INTO cache_entries (key, value, expires_at)
         SELECT '{namespace}:' || n, '1', now() + '1 hour' FROM generate_series(1, {count}) AS n;
         ALTER TABLE cache_entries ENABLE ALWAYS TRIGGER cache_entries_changed"
    ))?)
}

#[test]
fn p8_what_plain_sql_writes_is_counted_at_its_commit() -> Result<()> {
    let (_cluster, mut client) = without_workers(10_000)?;
    set(&mut client, "k", 10)?;
    client.batch_execute(
        "INSERT INTO cache_entries (key, value, expires_at)
         SELECT 'plain:' || n, '1', now() + '1 hour' FROM generate_series(1, 100) AS n",
    )?;
    assert_eq!(gauge(&mut client)?, 110);
    for (statement, expected) in [
        ("UPDATE cache_entries SET value = '2'", 110),
        ("UPDATE cache_entries SET value = NULL WHERE key = 'plain:1'", 109),
        ("UPDATE cache_entries SET key = 'other:2' WHERE key = 'plain:2'", 109),
        ("DELETE FROM cache_entries WHERE key = 'k:1'", 108),
        ("BEGIN; DELETE FROM cache_entries; ROLLBACK", 108),
        ("BEGIN; SAVEPOINT a; DELETE FROM cache_entries; ROLLBACK TO a; DELETE FROM cache_entries WHERE key = 'k:2'; COMMIT", 107),
        (
            "INSERT INTO cache_entries (key, value, expires_at) VALUES ('k:3', '1', now() + '1 hour'), ('k:new', '1', now() + '1 hour')
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            108,
        ),
        (
            "MERGE INTO cache_entries AS e USING (VALUES ('k:4'), ('k:newer')) AS v (key) ON e.key = v.key
             WHEN MATCHED THEN DELETE
             WHEN NOT MATCHED THEN INSERT (key, value, expires_at) VALUES (v.key, '1', now() + '1 hour')",
            108,
        ),
        ("SET session_replication_role = replica; DELETE FROM cache_entries WHERE key = 'k:5'; RESET session_replication_role", 107),
        ("SELECT cache_delete_many(ARRAY(SELECT key FROM cache_entries))", 0),
    ] {
        client.batch_execute(statement)?;
        assert_eq!(gauge(&mut client)?, expected, "{statement}");
    }
    Ok(())
}

#[test]
fn p8_what_the_gauge_was_not_told_of_is_counted_and_trimmed_by_the_next_turn() -> Result<()> {
    let cluster = swift_server()?.conf("cache_pg.max_entries", "1000").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    insert_untold(&mut client, "k", 5_000)?;
    let mut round = 0;
    poll(PATIENCE, "the cache to be within its limit", || {
        // Something comes and goes all the time.
        round += 1;
        set(&mut client, &format!("round{round}"), 20)?;
        client.batch_execute(&format!("SELECT cache_clear('round{round}')"))?;
        Ok(get::<i64>(&mut client, ENTRIES)? <= 1_050)
    })
}

#[test]
fn p8_what_the_gauge_was_not_told_of_beyond_a_namespaces_limit_goes_without_another_write() -> Result<()> {
    let cluster = swift_server()?.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute("SELECT cache_configure('k', max_entries => 100)")?;
    insert_untold(&mut client, "k", 1_000)?;
    // Tells the worker that something was written, and nothing of the namespace.
    client.batch_execute("SELECT cache_set('other', '1')")?;
    poll(PATIENCE, "the namespace to be within its limit", || Ok(get::<i64>(&mut client, ENTRIES)? <= 106))
}

#[test]
fn p8_a_truncated_cache_is_empty_for_the_gauge_at_once_and_its_refill_is_bounded() -> Result<()> {
    let (_cluster, mut client) = without_workers(1_000)?;
    set(&mut client, "first", 900)?;
    client.batch_execute("BEGIN; TRUNCATE cache_entries; ROLLBACK")?;
    assert_eq!(gauge(&mut client)?, 900);
    client.batch_execute("BEGIN; SAVEPOINT a; TRUNCATE cache_entries; SELECT cache_set('x', '1'); ROLLBACK TO a; SELECT cache_set('y', '1'); COMMIT")?;
    assert_eq!(gauge(&mut client)?, 901);
    client.batch_execute("TRUNCATE cache_entries")?;
    assert_eq!(gauge(&mut client)?, 0);
    set(&mut client, "second", 900)?;
    assert_eq!(get::<i64>(&mut client, ENTRIES)?, 900);
    client.batch_execute(&format!(
        "BEGIN; SELECT cache_set('old', '1'); TRUNCATE cache_entries; {}; COMMIT",
        set_at_once("third", 990)
    ))?;
    assert_eq!(gauge(&mut client)?, 990);
    set(&mut client, "fourth", 2_000)?;
    let held: i64 = get(&mut client, ENTRIES)?;
    assert!((900..=1_060).contains(&held), "{held} are held");
    Ok(())
}

#[test]
fn p8_the_limit_holds_after_the_table_was_rewritten() -> Result<()> {
    for rewrite in ["VACUUM FULL cache_entries", "CLUSTER cache_entries USING cache_entries_pkey"] {
        let (cluster, mut client) = without_workers(1_000)?;
        set(&mut client, "first", 900)?;
        cluster.connect("postgres")?.batch_execute(rewrite)?;
        set(&mut client, "second", 2_000)?;
        let held: i64 = get(&mut client, ENTRIES)?;
        assert!((850..=1_100).contains(&held), "{held} are held after {rewrite}");
    }
    Ok(())
}

#[test]
fn p8_without_preloading_large_values_and_short_connections_are_bounded() -> Result<()> {
    let cluster = server()?.preload(false).conf("cache_pg.max_size", "1MB").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    let held = "SELECT coalesce(sum(pg_column_size(value)), 0)::bigint FROM cache_entries";
    // Random, so that it is not compressed.
    let large = "SELECT cache_set('large:' || $1::integer, to_jsonb((SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 8000))), '1 hour')";
    for number in 0..60 {
        client.execute(large, &[&number])?;
    }
    let bytes: i64 = get(&mut client, held)?;
    assert!(bytes < 3 << 19, "there are {bytes} bytes of large values");
    client.batch_execute("SELECT cache_clear()")?;
    for number in 0..300 {
        let mut client = cluster.connect("postgres")?;
        client.batch_execute(&format!(
            "SELECT cache_set('small:{number}:' || n, to_jsonb((SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 50))), '1 hour')
             FROM generate_series(1, 5) AS n"
        ))?;
    }
    let bytes: i64 = get(&mut client, held)?;
    assert!(bytes < 3 << 19, "there are {bytes} bytes of short connections");
    Ok(())
}

#[test]
fn p8_without_preloading_a_namespace_keeps_roughly_within_its_own_limit() -> Result<()> {
    let cluster = server()?.preload(false).start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute("SELECT cache_configure('small', max_entries => 500)")?;
    set(&mut client, "large", 1_000)?;
    set(&mut client, "small", 4_000)?;
    let small: i64 = get(&mut client, "SELECT count(*) FROM cache_keys('small', max_keys => 5000)")?;
    let large: i64 = get(&mut client, "SELECT count(*) FROM cache_keys('large', max_keys => 5000)")?;
    assert!((200..=800).contains(&small) && large == 1_000, "{small} and {large} are held");
    Ok(())
}

#[test]
fn health_warns_where_the_gauge_and_the_count_differ() -> Result<()> {
    let cluster = swift_server()?.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    set(&mut client, "k", 100)?;
    let counted = "SELECT entries = 100 FROM cache_stats WHERE scope = 'total'";
    wait_for(&mut client, counted, PATIENCE)?;
    let status = |status: &str| format!(r#"SELECT status = '{status}' FROM cache_health WHERE "check" = 'gauge'"#);
    wait_for(&mut client, &status("ok"), PATIENCE)?;
    insert_untold(&mut client, "plain", 5_000)?;
    for expected in ["warning", "ok"] {
        // The hand was not told either, so something else makes it come round.
        poll(PATIENCE, expected, || {
            client.batch_execute("SELECT cache_set('k:1', '1', '1 hour')")?;
            get(&mut client, &status(expected))
        })?;
    }
    Ok(())
}

#[test]
fn health_is_critical_while_more_than_twice_the_limit_is_held() -> Result<()> {
    let (_cluster, mut client) = without_workers(10_000)?;
    client.batch_execute(&set_at_once("k", 3_000))?;
    let status = |client: &mut Client| -> Result<String> {
        get(client, r#"SELECT status FROM cache_health WHERE "check" = 'size'"#)
    };
    for (most, expected) in [(3_000, "ok"), (2_000, "warning"), (1_000, "critical")] {
        client.batch_execute(&format!("SET cache_pg.max_entries = {most}"))?;
        assert_eq!(status(&mut client)?, expected, "{most}");
    }
    client.batch_execute("SET cache_pg.max_entries = 10000; SELECT cache_configure('k', max_entries => 1000)")?;
    assert_eq!(status(&mut client)?, "critical");
    Ok(())
}

#[test]
fn p10_times_that_no_row_can_have_do_not_get_into_the_statistics() -> Result<()> {
    let cluster = swift_server()?.conf("cache_pg.max_entries", "1000").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(
        "INSERT INTO cache_entries (key, value, updated_at, expires_at)
         SELECT 'old:' || n, '1', CASE WHEN n % 2 = 0 THEN '-infinity'::timestamptz ELSE 'infinity' END, 'infinity'
         FROM generate_series(1, 2000) AS n",
    )?;
    poll(PATIENCE, "evictions", || {
        client.batch_execute("SELECT cache_set('k:1', '1', '1 hour')")?;
        get(&mut client, "SELECT evicted >= 900 FROM cache_stats WHERE scope = 'total'")
    })?;
    let age: f64 = get(&mut client, "SELECT evicted_age FROM cache_stats WHERE scope = 'total'")?;
    assert!((0.0..=366.0 * 86_400.0).contains(&age), "{age} s");
    let mut lag = 0.0;
    poll(PATIENCE, "a row that was due for ever to be removed", || {
        client.batch_execute(
            "INSERT INTO cache_entries (key, value, expires_at) VALUES ('due:1', '1', '-infinity') ON CONFLICT DO NOTHING;
             SELECT cache_set('k:1', '1', '1 hour')",
        )?;
        lag = get(&mut client, "SELECT lag_ms FROM cache_sweeps")?;
        Ok(lag > 0.0)
    })?;
    assert!(lag <= 86_400_000.0, "{lag} ms");
    Ok(())
}
