//! The statistics: exact under concurrency, bounded, and kept as long as they mean something.

use std::sync::Arc;

use anyhow::Result;
use cache_pg_server_tests::{
    PATIENCE, Shared, create_database, create_extension, get, left_out, rows, server, sqlstate, swift_server, together,
};
use postgres::Client;
use postgres::error::SqlState;
use xtask::cluster::{Cluster, StopMode, poll, wait_for};

static SHARED: Shared = Shared::new();

/// A database of its own on the server of this file, whose hand comes round ten times a second.
fn database(name: &str) -> Result<(Arc<Cluster>, Client)> {
    SHARED.database(name, || Ok(server()?.conf("cache_pg.sweep_interval", "100ms")))
}

#[test]
fn hits_and_misses_are_the_gets_of_sixteen_clients() -> Result<()> {
    const CLIENTS: usize = 16;
    const GETS: i64 = 2_000;
    let (cluster, mut client) = database("exact")?;
    client.execute(
        "SELECT cache_set('n' || n % 10 || ':' || n, '1', '1 hour') FROM generate_series(1, 1000) AS n",
        &[],
    )?;
    let found = together(CLIENTS, |_| {
        let mut client = cluster.connect("exact")?;
        let get = client.prepare(
            "SELECT count(cache_get('n' || n % 20 || ':' || n % 1000)) FROM generate_series($1::integer, $2) AS n",
        )?;
        let mut found = 0;
        for start in (0..GETS).step_by(100) {
            found += client.query_one(&get, &[&(start as i32), &(start as i32 + 99)])?.get::<_, i64>(0);
        }
        Ok(found)
    })?;
    let counted = client.query_one("SELECT hits, misses, hits + misses FROM cache_stats WHERE scope = 'total'", &[])?;
    let gets = GETS * CLIENTS as i64;
    let hits: i64 = found.iter().sum();
    assert!(hits > 0 && hits < gets);
    assert_eq!([counted.get::<_, i64>(0), counted.get(1), counted.get(2)], [hits, gets - hits, gets]);
    Ok(())
}

#[test]
fn bytes_are_counted_as_json_is() -> Result<()> {
    let (_cluster, mut client) = database("bytes")?;
    client.batch_execute(
        "SELECT cache_set_bytes('b:k', convert_to(repeat('x', 10000), 'UTF8'), '1 hour');
         SELECT cache_set_many_bytes('{b:1,b:2}', ARRAY['12345', '']::bytea[], ARRAY[3600]);
         SELECT cache_get_bytes('b:k'), cache_get_bytes('b:1'), cache_get_bytes('b:none');
         SELECT cache_get_many_bytes('{b:1,b:2,b:none}');
         SELECT cache_fetch_bytes('b:1');
         SELECT cache_get_and_touch_bytes('b:1', 60);
         SELECT cache_delete('b:2', '3');
         SELECT cache_set_bytes('b:2', '1', expires_at => '2000-01-01');
         SELECT cache_lock('l:k', 'me', 60), cache_lock('l:k', 'you', 60), cache_unlock('l:k', 'you');
         SELECT cache_unlock('l:k', 'me');
         SELECT cache_incr('l:n', initial => NULL), cache_incr('l:n')",
    )?;
    let counted =
        "SELECT array_agg(ARRAY[hits, misses, sets, deletes, touches, bytes_in, bytes_out] ORDER BY namespace)
                   FROM cache_stats WHERE scope = 'namespace'";
    let counted: String = get(&mut client, &format!("SELECT ({counted})::text"))?;
    assert_eq!(counted, "{{6,2,3,1,1,10005,10020},{0,0,2,1,0,0,0}}");
    wait_for(&mut client, "SELECT entries = 2 FROM cache_stats WHERE namespace = 'b'", PATIENCE)?;
    wait_for(&mut client, "SELECT largest_entry > 100 FROM cache_stats WHERE namespace = 'b'", PATIENCE)
}

#[test]
fn the_hand_says_how_many_entries_there_are() -> Result<()> {
    let (_cluster, mut client) = database("census")?;
    client.batch_execute(
        "SELECT cache_set('a:' || n, to_jsonb(repeat('x', 100)), '1 hour') FROM generate_series(1, 3000) AS n;
         SELECT cache_set('b:' || n, '1', '1 hour') FROM generate_series(1, 500) AS n;
         SELECT cache_delete('b:1')",
    )?;
    let counted =
        "SELECT array_agg(entries ORDER BY namespace) = '{3000,499}' FROM cache_stats WHERE scope = 'namespace'";
    wait_for(&mut client, counted, PATIENCE)?;
    let bytes = "SELECT abs(bytes - pg_total_relation_size('cache_entries')) < 0.2 * bytes FROM cache_stats WHERE scope = 'total'";
    assert!(get::<bool>(&mut client, bytes)?, "its size is about that of the table");
    client.batch_execute("SELECT cache_clear('a')")?;
    wait_for(&mut client, "SELECT entries = 499 FROM cache_stats WHERE scope = 'total'", PATIENCE)
}

#[test]
fn what_expires_is_counted_when_it_goes() -> Result<()> {
    let (_cluster, mut client) = database("expiry")?;
    client.batch_execute("SELECT cache_set('a:' || n, '1', '10 milliseconds') FROM generate_series(1, 500) AS n")?;
    wait_for(&mut client, "SELECT expired = 500 FROM cache_stats WHERE namespace = 'a'", PATIENCE)?;
    wait_for(&mut client, "SELECT turns > 0 AND rows_removed >= 500 FROM cache_sweeps", PATIENCE)?;
    assert_eq!(rows(&mut client)?, 0);
    poll(PATIENCE, "a turn that has removed something to tell its lag", || {
        client.batch_execute("SELECT cache_set('a:1', '1', '1 millisecond')")?;
        get(&mut client, "SELECT lag_ms > 0 FROM cache_sweeps")
    })
}

#[test]
fn statistics_survive_a_restart_and_begin_anew_after_a_crash() -> Result<()> {
    let cluster = swift_server()?.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute("SELECT cache_set('a:1', '1', '1 hour'), cache_get('a:2'), cache_get('b:1')")?;
    wait_for(&mut client, "SELECT entries = 1 FROM cache_stats WHERE namespace = 'a'", PATIENCE)?;
    let state = "SELECT string_agg(concat_ws(' ', namespace, hits, misses, sets, entries, reset_at), ', ' ORDER BY scope, namespace)
                 FROM cache_stats WHERE scope <> 'rest'";
    let timed = "SELECT timed, max FROM cache_latency WHERE operation = 'set'";
    let before: String = get(&mut client, state)?;
    let latency = client.query_one(timed, &[])?;
    cluster.restart()?;
    let mut client = cluster.connect("postgres")?;
    assert_eq!(get::<String>(&mut client, state)?, before);
    let after = client.query_one(timed, &[])?;
    assert_eq!((after.get::<_, i64>(0), after.get::<_, f64>(1)), (latency.get(0), latency.get(1)));
    let crashes: [fn(&Cluster) -> Result<()>; 2] = [Cluster::kill9, |it| it.stop(StopMode::Immediate).map(drop)];
    for crash in crashes {
        crash(&cluster)?;
        cluster.start()?;
        let mut client = cluster.connect("postgres")?;
        assert_eq!(get::<i64>(&mut client, "SELECT misses FROM cache_stats WHERE scope = 'total'")?, 0);
        client.batch_execute("SELECT cache_get('a:2')")?;
    }
    Ok(())
}

#[test]
fn a_damaged_file_of_statistics_keeps_no_server_from_starting() -> Result<()> {
    let (cluster, mut client) = cache_pg_server_tests::with_extension()?;
    client.batch_execute("SELECT cache_get('a:1')")?;
    cluster.stop(StopMode::Fast)?;
    let file = cluster.data_dir().join("pg_stat/cache_pg.stat");
    let mut text = std::fs::read(&file)?;
    text.iter_mut().rev().take(1000).for_each(|byte| *byte ^= 1);
    std::fs::write(&file, text)?;
    cluster.start()?;
    let mut client = cluster.connect("postgres")?;
    assert_eq!(get::<i64>(&mut client, "SELECT misses FROM cache_stats WHERE scope = 'total'")?, 0);
    assert!(cluster.log().contains("could not read statistics"));
    Ok(())
}

#[test]
fn a_dropped_database_leaves_its_places_to_others() -> Result<()> {
    let cluster = swift_server()?.conf("cache_pg.track_namespaces", "2").start()?;
    let mut client = create_database(&cluster, "first")?;
    client.batch_execute("SELECT cache_set('one:1', '1'), cache_set('two:1', '1')")?;
    drop(client);
    cluster.connect("postgres")?.batch_execute("DROP DATABASE first WITH (FORCE)")?;
    let mut client = create_database(&cluster, "second")?;
    let own = "SELECT count(*) = 1 FROM cache_stats WHERE namespace = 'three'";
    // Each time with a new connection: one remembers that there was no room.
    poll(PATIENCE, "room for another namespace", || {
        let mut client = cluster.connect("second")?;
        client.batch_execute("SELECT cache_set('three:1', '1')")?;
        get(&mut client, own)
    })?;
    assert_eq!(get::<i64>(&mut client, "SELECT count(*) FROM cache_stats WHERE scope = 'namespace'")?, 1);
    Ok(())
}

#[test]
fn without_preloading_the_statistics_say_what_is_missing() -> Result<()> {
    let cluster = server()?.preload(false).start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    for view in ["cache_stats", "cache_latency", "cache_sweeps", "cache_loads"] {
        let refused = client.query(&format!("SELECT * FROM {view}"), &[]);
        assert_eq!(sqlstate(refused)?, SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "{view}");
    }
    Ok(())
}

#[test]
fn slow_operations_are_logged_with_their_trace() -> Result<()> {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let (cluster, mut client) = database("traced")?;
    client.batch_execute("SET cache_pg.log_min_duration = 0")?;
    client.batch_execute(&format!("SELECT cache_get('in:comment') /*traceparent='{TRACE}'*/"))?;
    client.batch_execute(&format!("SET application_name = 'shop {TRACE}'; SELECT cache_set('in:name', '1')"))?;
    client.batch_execute("SET application_name = ''; SELECT cache_delete('without:trace')")?;
    client.batch_execute("SELECT cache_get_or_set('in:load', 'SELECT ''1''::jsonb')")?;
    client.batch_execute("SET cache_pg.log_min_duration = '1min'; SELECT cache_get('too:fast')")?;
    let log = cluster.log();
    let said = |name: &str, detail: &str| {
        let mut lines = log.lines().skip_while(|line| !line.contains(&format!("cache_pg: {name} took")));
        lines.nth(1).is_some_and(|line| line.ends_with(detail))
    };
    assert!(said("cache_get", &format!("\"in:comment\" traceparent: {TRACE}")), "{log}");
    assert!(said("cache_set", &format!("\"in:name\" traceparent: {TRACE}")), "{log}");
    assert!(said("cache_delete", "\"without:trace\""), "{log}");
    assert!(said("cache_get_or_set", "\"in:load\""), "{log}");
    assert!(!log.contains("too:fast\""), "{log}");
    Ok(())
}

#[test]
fn every_function_is_seen_by_pg_stat_statements() -> Result<()> {
    // Not every PostgreSQL has it.
    if !xtask::postgres::under_test()?.pkglibdir.join("pg_stat_statements.so").is_file() {
        return left_out("pg_stat_statements");
    }
    let cluster = server()?.conf("shared_preload_libraries", "pg_stat_statements,cache_pg").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(
        "CREATE EXTENSION pg_stat_statements; SELECT cache_set('k', '1'); SELECT cache_get('k'); SELECT cache_get('l')",
    )?;
    let calls: i64 =
        get(&mut client, "SELECT sum(calls)::bigint FROM pg_stat_statements WHERE query LIKE 'SELECT cache_get(%'")?;
    assert_eq!(calls, 2);
    Ok(())
}
