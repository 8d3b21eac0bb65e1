//! `cache_health`: each check warns of what it is for, and is content again when that is over.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use cache_pg_server_tests::{PATIENCE, Shared, create_extension, get, server};
use postgres::Client;
use xtask::cluster::{Cluster, poll, wait_for};

static SHARED: Shared = Shared::new();

/// A database of its own on the server of this file, whose hand comes round ten times a second.
fn database(name: &str) -> Result<(Arc<Cluster>, Client)> {
    SHARED.database(name, || Ok(server()?.conf("cache_pg.sweep_interval", "100ms")))
}

/// Waits until the check is no longer, or again, `ok`, and returns what it advises.
fn becomes(client: &mut Client, check: &str, ok: bool) -> Result<Option<String>> {
    let mut advice = None;
    poll(PATIENCE, &format!("{check} to be ok: {ok}"), || {
        let row = client.query_one("SELECT status, advice FROM cache_health WHERE \"check\" = $1", &[&check])?;
        advice = row.get(1);
        Ok((row.get::<_, &str>(0) == "ok") == ok)
    })?;
    Ok(advice)
}

fn warns(client: &mut Client, check: &str) -> Result<String> {
    becomes(client, check, false)?.with_context(|| format!("{check} warns and advises nothing"))
}

fn is_content(client: &mut Client, check: &str) -> Result<()> {
    becomes(client, check, true).map(drop)
}

#[test]
fn health_warns_where_nothing_is_preloaded() -> Result<()> {
    let cluster = server()?.preload(false).start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    assert!(warns(&mut client, "preloaded")?.contains("shared_preload_libraries"));
    warns(&mut client, "worker")?;
    let advised: String = get(&mut client, "SELECT statement FROM cache_advice WHERE namespace IS NULL")?;
    assert_eq!(advised, "ALTER SYSTEM SET shared_preload_libraries = cache_pg");
    Ok(())
}

#[test]
fn health_warns_of_a_worker_that_is_switched_off() -> Result<()> {
    let cluster = server()?.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    is_content(&mut client, "preloaded")?;
    is_content(&mut client, "worker")?;
    cluster.set_conf("cache_pg.max_workers", "0")?;
    cluster.reload()?;
    assert!(warns(&mut client, "worker")?.contains("cache_pg.max_workers"));
    cluster.set_conf("cache_pg.max_workers", "3")?;
    cluster.reload()?;
    is_content(&mut client, "worker")
}

#[test]
fn health_is_content_with_a_database_that_is_new() -> Result<()> {
    let cluster = server()?.conf("cache_pg.health_sweep_lag", "5s").start()?;
    let mut postgres = cluster.connect("postgres")?;
    postgres.batch_execute("CREATE DATABASE new")?;
    // A sweeper has been there, and found nothing, longer ago than the hand may be late.
    let visited = "SELECT xact_commit > 0 FROM pg_stat_database WHERE datname = 'new'";
    wait_for(&mut postgres, visited, PATIENCE)?;
    let now: SystemTime = get(&mut postgres, "SELECT clock_timestamp()")?;
    poll(PATIENCE, "some seconds", || Ok(now.elapsed().is_ok_and(|passed| passed > Duration::from_secs(7))))?;
    let mut client = cluster.connect("new")?;
    let lag = "SELECT status FROM cache_health WHERE \"check\" = 'sweep_lag'";
    for command in ["CREATE EXTENSION cache_pg", "DROP EXTENSION cache_pg; CREATE EXTENSION cache_pg"] {
        // Nobody sweeps before this commits.
        client.batch_execute(&format!("BEGIN; {command}"))?;
        assert_eq!(get::<String>(&mut client, lag)?, "ok");
        client.batch_execute("COMMIT")?;
        wait_for(&mut client, "SELECT turns > 0 FROM cache_sweeps", PATIENCE)?;
    }
    // Where nobody ever comes by, that is said.
    cluster.set_conf("cache_pg.max_workers", "0")?;
    cluster.reload()?;
    client.batch_execute("DROP EXTENSION cache_pg; CREATE EXTENSION cache_pg")?;
    warns(&mut client, "sweep_lag").map(drop)
}

#[test]
fn health_warns_of_a_cold_cache() -> Result<()> {
    let (_cluster, mut client) = database("cold")?;
    is_content(&mut client, "hit_ratio")?;
    client.execute("SELECT cache_get('k' || n) FROM generate_series(1, 100) AS n", &[])?;
    warns(&mut client, "hit_ratio")?;
    client.execute("SELECT cache_set('k' || n, '1') FROM generate_series(1, 100) AS n", &[])?;
    client.execute("SELECT cache_get('k' || n % 100 + 1) FROM generate_series(1, 300) AS n", &[])?;
    is_content(&mut client, "hit_ratio")
}

#[test]
fn health_warns_of_gets_that_wait() -> Result<()> {
    let (cluster, mut client) = database("slow")?;
    client.batch_execute("SET cache_pg.health_latency = '50ms'")?;
    // So many that some slow ones, such as the first of a session on a busy machine, are fewer than a hundredth.
    let quick = "SELECT cache_stats_reset(); SELECT cache_get('k') FROM generate_series(1, 20000)";
    client.batch_execute(quick)?;
    is_content(&mut client, "latency")?;
    client.batch_execute("SELECT cache_stats_reset()")?;
    let mut locker = cluster.connect("slow")?;
    let mut reader = cluster.connect("slow")?;
    locker.batch_execute("BEGIN; LOCK TABLE cache_entries")?;
    std::thread::scope(|scope| {
        // The first get of a session is timed.
        let waits = scope.spawn(move || reader.execute("SELECT cache_get('k')", &[]));
        let is_long = "SELECT count(*) = 1 FROM pg_stat_activity
                       WHERE datname = 'slow' AND wait_event_type = 'Lock' AND now() - state_change > '0.1 s'";
        let waited = wait_for(&mut client, is_long, PATIENCE);
        locker.batch_execute("COMMIT")?;
        drop(waits.join());
        waited
    })?;
    warns(&mut client, "latency")?;
    client.batch_execute(quick)?;
    is_content(&mut client, "latency")
}

#[test]
fn health_warns_of_a_hand_that_fails() -> Result<()> {
    let (_cluster, mut client) = database("failing")?;
    client.batch_execute(
        "SELECT cache_set('k', '1', '1 millisecond');
         ALTER TABLE cache_entries ALTER COLUMN load_us TYPE integer",
    )?;
    assert!(warns(&mut client, "sweep_failures")?.contains("was altered"));
    assert!(get::<bool>(&mut client, "SELECT failures > 0 AND last_error LIKE '%was altered%' FROM cache_sweeps")?);
    client.batch_execute("ALTER TABLE cache_entries ALTER COLUMN load_us TYPE bigint")?;
    is_content(&mut client, "sweep_failures")
}

#[test]
fn health_warns_of_a_hand_that_is_late() -> Result<()> {
    let (cluster, mut client) = database("late")?;
    client.batch_execute("SET cache_pg.health_sweep_lag = '2s'")?;
    let mut locker = cluster.connect("late")?;
    locker.batch_execute("BEGIN; LOCK TABLE cache_entries IN SHARE MODE")?;
    warns(&mut client, "sweep_lag")?;
    locker.batch_execute("COMMIT")?;
    // A write, so that there is something to come for.
    client.batch_execute("SELECT cache_set('k', '1', '1 millisecond')")?;
    is_content(&mut client, "sweep_lag")
}

#[test]
fn health_warns_of_expired_rows_that_stay() -> Result<()> {
    let (cluster, mut client) = database("expired")?;
    let mut holder = cluster.connect("expired")?;
    poll(PATIENCE, "the rows to be held before they are swept", || {
        client.execute("SELECT cache_set('k' || n, '1', '5 seconds') FROM generate_series(1, 11000) AS n", &[])?;
        holder.batch_execute("BEGIN")?;
        let all = holder.execute("SELECT FROM cache_entries FOR UPDATE", &[])? == 11_000;
        if !all {
            holder.batch_execute("ROLLBACK")?;
        }
        Ok(all)
    })?;
    warns(&mut client, "expired_share")?;
    holder.batch_execute("COMMIT")?;
    client.execute("SELECT cache_set('live' || n, '1', '1 hour') FROM generate_series(1, 200) AS n", &[])?;
    is_content(&mut client, "expired_share")
}

#[test]
fn health_warns_of_files_that_hold_little() -> Result<()> {
    let (_cluster, mut client) = database("bloat")?;
    client.batch_execute(
        "SELECT count(cache_set('k' || n, to_jsonb(repeat('x', 1500)), '1 second')) FROM generate_series(1, 20000) AS n",
    )?;
    let advice = warns(&mut client, "bloat")?;
    assert!(advice.contains("VACUUM FULL cache_entries"), "{advice}");
    wait_for(&mut client, "SELECT NOT EXISTS (SELECT FROM cache_entries)", PATIENCE)?;
    client.batch_execute("VACUUM FULL cache_entries")?;
    is_content(&mut client, "bloat")
}

#[test]
fn health_warns_of_dead_rows_and_of_who_keeps_them() -> Result<()> {
    let (cluster, mut client) = database("dead")?;
    client.batch_execute(
        "SET cache_pg.health_transaction_age = '1s';
         ALTER TABLE cache_entries SET (autovacuum_enabled = off);
         SELECT cache_set('k' || n, '1', '1 hour') FROM generate_series(1, 11000) AS n",
    )?;
    let mut holder = cluster.connect("dead")?;
    holder.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM cache_entries")?;
    let pid: i32 = get(&mut holder, "SELECT pg_backend_pid()")?;
    client.batch_execute("SELECT cache_set('k' || n, '2', '1 hour') FROM generate_series(1, 11000) AS n")?;
    let advice = warns(&mut client, "oldest_transaction")?;
    assert!(advice.contains(&format!("pg_terminate_backend({pid})")), "{advice}");
    warns(&mut client, "dead_rows")?;
    holder.batch_execute("COMMIT")?;
    is_content(&mut client, "oldest_transaction")?;
    // The sweeper's own snapshot may keep rows from one of them.
    let is_clean = "SELECT status = 'ok' FROM cache_health WHERE \"check\" = 'dead_rows'";
    poll(PATIENCE, "the dead rows to go", || {
        client.batch_execute("VACUUM cache_entries")?;
        get(&mut client, is_clean)
    })
}

#[test]
fn health_warns_of_a_prepared_transaction_that_is_left_behind() -> Result<()> {
    let cluster = server()?.conf("max_prepared_transactions", "2").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(
        "SET cache_pg.health_transaction_age = '1s'; BEGIN; CREATE TABLE t (); PREPARE TRANSACTION 'left'",
    )?;
    assert!(warns(&mut client, "oldest_transaction")?.contains("ROLLBACK PREPARED 'left'"));
    client.batch_execute("ROLLBACK PREPARED 'left'")?;
    is_content(&mut client, "oldest_transaction")
}

#[test]
fn health_warns_of_namespaces_that_find_no_room() -> Result<()> {
    let cluster = server()?.conf("cache_pg.track_namespaces", "2").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute("SELECT cache_set('one:1', '1'), cache_set('two:1', '1'), cache_get('none:1')")?;
    is_content(&mut client, "namespaces")?;
    client.batch_execute("SELECT cache_set('three:1', '1'), cache_set('four:1', '1')")?;
    assert!(warns(&mut client, "namespaces")?.contains("cache_pg.track_namespaces"));
    let rest: i64 = get(&mut client, "SELECT sets FROM cache_stats WHERE scope = 'rest'")?;
    assert_eq!(rest, 2);
    let advised: String = get(&mut client, "SELECT statement FROM cache_advice WHERE namespace IS NULL")?;
    assert_eq!(advised, "ALTER SYSTEM SET cache_pg.track_namespaces = 8");
    client.batch_execute("SELECT cache_stats_reset()")?;
    is_content(&mut client, "namespaces")
}

#[test]
fn health_warns_of_large_entries() -> Result<()> {
    let (_cluster, mut client) = database("large")?;
    client.batch_execute(
        "SELECT cache_set('big:1', jsonb_agg(md5(n::text)), '1 hour') FROM generate_series(1, 10000) AS n;
         SELECT cache_set('small:1', '1', '1 hour')",
    )?;
    assert!(warns(&mut client, "entry_size")?.contains("cache_configure('big', max_value_size"));
    client.batch_execute("SELECT cache_delete('big:1')")?;
    is_content(&mut client, "entry_size")
}

#[test]
fn health_warns_of_values_that_nobody_reads() -> Result<()> {
    let (_cluster, mut client) = database("unread")?;
    client.execute("SELECT cache_set('log:' || n, '1') FROM generate_series(1, 200) AS n", &[])?;
    assert!(warns(&mut client, "unread")?.contains("\"log\""));
    let advised: String = get(&mut client, "SELECT advice FROM cache_advice WHERE namespace = 'log'")?;
    assert!(advised.starts_with("Do not cache these values"), "{advised}");
    client.execute("SELECT cache_get('log:' || n) FROM generate_series(1, 200) AS n", &[])?;
    is_content(&mut client, "unread")
}

#[test]
fn health_warns_of_tables_that_were_not_frozen_for_long() -> Result<()> {
    let (_cluster, mut client) = database("old")?;
    client.batch_execute("SET cache_pg.health_wraparound_age = 50")?;
    for _ in 0..60 {
        client.batch_execute("SELECT pg_current_xact_id()")?;
    }
    warns(&mut client, "wraparound")?;
    client.batch_execute("SET cache_pg.health_wraparound_age = 1000000")?;
    is_content(&mut client, "wraparound")
}

#[test]
fn health_warns_of_a_cache_that_is_larger_than_it_may_be() -> Result<()> {
    let (_cluster, mut client) = database("overfull")?;
    client.execute("SELECT cache_set('k' || n, '1', '1 hour') FROM generate_series(1, 200) AS n", &[])?;
    is_content(&mut client, "size")?;
    // The worker does not know of this limit: it is the session's alone.
    client.batch_execute("SET cache_pg.max_entries = 100")?;
    assert!(warns(&mut client, "size")?.contains("cache_sweeps"));
    client.batch_execute("SET cache_pg.max_entries = 1000")?;
    is_content(&mut client, "size")
}
