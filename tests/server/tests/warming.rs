//! Warming: keys that should be there are loaded before anyone asks, and nothing is loaded that could be stale.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use cache_pg_server_tests::{PATIENCE, create_extension, get, server, value};
use postgres::Client;
use xtask::cluster::{Builder, Cluster, StopMode, poll, wait_for};

/// A source of a hundred rows, and a namespace `n` with a loader that takes so long.
fn with_loader(server: Builder, seconds: f64) -> Result<(Cluster, Client)> {
    let cluster = server.conf("cache_pg.loader_share", "1").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(&format!(
        "CREATE TABLE source (key text PRIMARY KEY, value text);
         CREATE FUNCTION load(key text) RETURNS jsonb STABLE LANGUAGE plpgsql AS $$
         DECLARE
             found text := (SELECT s.value FROM source AS s WHERE s.key = load.key);
         BEGIN
             PERFORM pg_sleep({seconds});
             IF found = 'raise' THEN
                 RAISE EXCEPTION 'no % today', key;
             END IF;
             RETURN to_jsonb(found);
         END $$;
         INSERT INTO source SELECT 'n:' || n, 'first' FROM generate_series(1, 100) AS n;
         SELECT cache_configure('n', default_ttl => '1 hour', loader => 'load(text)')"
    ))?;
    Ok((cluster, client))
}

/// Puts all keys of the source in line.
fn warm(client: &mut Client) -> Result<i64> {
    get(client, "SELECT cache_warm('n', query => 'SELECT key FROM source')")
}

/// Runs statements one after the other, each in a transaction of its own.
fn run(client: &mut Client, sql: &str) -> Result<()> {
    sql.split(';').try_for_each(|statement| Ok(client.batch_execute(statement)?))
}

fn count(client: &mut Client) -> Result<i64> {
    get(client, "SELECT cache_count('n')")
}

fn in_line(client: &mut Client) -> Result<i64> {
    get(client, "SELECT count(*) FROM cache_entries WHERE value IS NULL AND expires_at > now() + interval '1 hour'")
}

fn counter(client: &mut Client, name: &str) -> Result<i64> {
    Ok(value(client, &format!("SELECT {name} FROM cache_stats WHERE namespace = 'n'"))?.unwrap_or(0))
}

/// The SQLSTATE, the message and the detail of the error that a statement raises.
fn complaint(client: &mut Client, sql: &str) -> Result<String> {
    let error = client.batch_execute(sql).err().with_context(|| format!("no error: {sql}"))?;
    let error = error.as_db_error().context("another error")?;
    Ok(format!("{} {} {}", error.code().code(), error.message(), error.detail().unwrap_or_default()))
}

#[test]
fn the_workers_load_what_is_in_line_and_tell_how_far_they_are() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?, 0.02)?;
    client.batch_execute("SELECT cache_set('n:1', '\"set\"')")?;
    assert_eq!(warm(&mut client)?, 99);
    let progress = "SELECT waiting BETWEEN 1 AND 98 AND done > 0 AND since < now() AND rate > 0 AND remaining > '0'
                    FROM cache_loads WHERE namespace = 'n'";
    wait_for(&mut client, progress, PATIENCE)?;
    assert_eq!(warm(&mut client)?, 0);
    client.batch_execute("CALL cache_warm_wait('n', '45 seconds')")?;
    assert_eq!((count(&mut client)?, in_line(&mut client)?), (100, 0));
    let over = "SELECT waiting = 0 AND since IS NULL AND rate IS NULL AND remaining IS NULL FROM cache_loads";
    ensure!(get::<bool>(&mut client, over)?, "the warming is over");
    poll(PATIENCE, "the counters", || Ok(counter(&mut client, "warmed")? == 99))?;
    let [loads, fills, misses] = ["loads", "fills", "misses"].map(|name| counter(&mut client, name));
    assert_eq!((loads?, fills?, misses?), (99, 99, 0));
    let kept: String = get(&mut client, "SELECT cache_get('n:1') ->> 0")?;
    assert_eq!(kept, "set");
    let expires: bool = get(
        &mut client,
        "SELECT bool_and(cache_ttl(key) BETWEEN interval '59 minutes' AND '1 hour') FROM source WHERE key <> 'n:1'",
    )?;
    ensure!(expires, "default_ttl counts");
    Ok(())
}

#[test]
fn a_key_is_given_with_or_without_its_namespace_and_once() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?.conf("cache_pg.max_loaders", "0"), 0.0)?;
    let put: i64 = get(&mut client, "SELECT cache_warm('n', '{1,n:1,n:2,2,n:a:b}')")?;
    let keys: String = get(&mut client, "SELECT string_agg(key, ' ' ORDER BY key) FROM cache_entries")?;
    assert_eq!((put, keys.as_str()), (3, "n:1 n:2 n:a:b"));
    // A number becomes a text.
    assert_eq!(get::<i64>(&mut client, "SELECT cache_warm('n', query => 'SELECT generate_series(2, 5)')")?, 3);
    Ok(())
}

#[test]
fn p2_a_query_may_name_the_tags_of_the_entries() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?, 0.0)?;
    let query = "SELECT key, ARRAY['t', key] FROM source";
    run(
        &mut client,
        &format!("SELECT cache_warm('n', query => $${query}$$); CALL cache_warm_wait('n', '45 seconds')"),
    )?;
    assert_eq!(get::<i64>(&mut client, "SELECT count(*) FROM cache_entries WHERE tags @> ARRAY['t', key]")?, 100);
    run(&mut client, "SELECT cache_invalidate_tags('n:1')")?;
    assert_eq!(count(&mut client)?, 99);
    // A key whose tag is invalidated before its load leaves the line: by now it may have other tags.
    client.batch_execute(&format!(
        "SELECT cache_clear(); SELECT cache_warm('n', query => $${query}$$); SELECT cache_invalidate_tags('n:7')"
    ))?;
    run(&mut client, "CALL cache_warm_wait('n', '45 seconds')")?;
    assert_eq!(count(&mut client)?, 99);
    ensure!(!get::<bool>(&mut client, "SELECT cache_exists('n:7')")?, "it was stored with the tags of before");
    for query in ["SELECT 1, 2", "SELECT 'a', ARRAY[1]", "SELECT 1, ARRAY['a'], 3"] {
        let complaint = complaint(&mut client, &format!("SELECT cache_warm('n', query => $${query}$$)"))?;
        ensure!(complaint.starts_with("42601 query for cache keys"), "{query}: {complaint}");
    }
    let complaint = complaint(&mut client, "SELECT cache_warm('n', query => $$SELECT 'a', ARRAY[NULL::text]$$)")?;
    ensure!(complaint.starts_with("22023 cache tag must not be null"), "{complaint}");
    Ok(())
}

#[test]
fn a_call_that_is_rolled_back_puts_nothing_in_line() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?, 0.0)?;
    client.batch_execute("BEGIN; SELECT cache_warm('n', '{1}'); ROLLBACK")?;
    run(&mut client, "SELECT cache_warm('n', '{2}'); CALL cache_warm_wait()")?;
    assert_eq!((counter(&mut client, "loads")?, count(&mut client)?), (1, 1));
    Ok(())
}

#[test]
fn keys_that_were_read_lately_come_first() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?.conf("cache_pg.max_loaders", "1"), 0.005)?;
    let hot = "('n:41', 'n:83', 'n:97')";
    client.batch_execute(&format!(
        "SELECT cache_set(key, '1') FROM source WHERE key IN {hot};
         SELECT cache_get(key) FROM source WHERE key IN {hot};
         SELECT cache_delete(key) FROM source WHERE key IN {hot}"
    ))?;
    assert_eq!(warm(&mut client)?, 100);
    client.batch_execute("CALL cache_warm_wait()")?;
    let first: bool = get(
        &mut client,
        &format!(
            "SELECT bool_and(key IN {hot}) FROM (SELECT key FROM cache_entries ORDER BY updated_at LIMIT 3) AS first"
        ),
    )?;
    ensure!(first, "the hot keys were not loaded first");
    Ok(())
}

#[test]
fn p2_what_is_invalidated_during_the_load_is_not_stored() -> Result<()> {
    let (cluster, mut client) = with_loader(server()?, 1.0)?;
    for (number, invalidate) in
        ["SELECT cache_delete('n:1')", "SELECT cache_clear('n')", "DELETE FROM cache_entries"].into_iter().enumerate()
    {
        client.batch_execute("SELECT cache_warm('n', '{1}')")?;
        let loads = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'cache_pg loader' AND wait_event = 'PgSleep')";
        wait_for(&mut client, loads, PATIENCE)?;
        let mut other = cluster.connect("postgres")?;
        other.batch_execute(&format!("BEGIN; UPDATE source SET value = 'new {number}'; {invalidate}; COMMIT"))?;
        let is_over = "SELECT NOT EXISTS (SELECT FROM cache_loads WHERE waiting + running > 0)";
        wait_for(&mut client, is_over, PATIENCE)?;
        ensure!(value::<String>(&mut client, "SELECT cache_get('n:1')::text")?.is_none(), "after {invalidate}");
        client.batch_execute("DELETE FROM cache_entries")?;
    }
    assert_eq!((counter(&mut client, "warmed")?, counter(&mut client, "refreshes_refused")?), (0, 3));
    Ok(())
}

#[test]
fn a_caller_does_not_wait_for_the_line() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?.conf("cache_pg.max_loaders", "0"), 0.0)?;
    warm(&mut client)?;
    let value: String = get(&mut client, "SELECT cache_get_or_set('n:1') ->> 0")?;
    let token: bool = get(&mut client, "SELECT token IS NOT NULL FROM cache_fetch('n:2')")?;
    client
        .batch_execute("SELECT cache_set('n:3', '3'), cache_delete('n:4'), cache_add('n:5', '5'), cache_incr('n:6')")?;
    assert_eq!((value.as_str(), token), ("first", true));
    // Whatever writes the row takes the key out of the line.
    assert_eq!(in_line(&mut client)?, 94);
    assert_eq!(get::<i64>(&mut client, "SELECT cache_clear('n')")?, 4);
    assert_eq!(in_line(&mut client)?, 0);
    Ok(())
}

#[test]
fn a_key_whose_load_fails_leaves_the_line() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?, 0.0)?;
    client.batch_execute(
        "UPDATE source SET value = 'raise' WHERE key = 'n:50';
         UPDATE source SET value = NULL WHERE key = 'n:60'",
    )?;
    warm(&mut client)?;
    client.batch_execute("CALL cache_warm_wait('n', '45 seconds')")?;
    assert_eq!(count(&mut client)?, 98);
    poll(PATIENCE, "the counters", || Ok(counter(&mut client, "warmed")? == 98))?;
    let row = client.query_one("SELECT failed, failed_key, last_error FROM cache_loads WHERE namespace = 'n'", &[])?;
    assert_eq!((row.try_get::<_, i64>(0)?, row.try_get::<_, &str>(1)?), (1, "n:50"));
    ensure!(row.try_get::<_, &str>(2)?.contains("no n:50 today"), "{row:?}");
    assert_eq!(counter(&mut client, "refreshes_null")?, 1);
    Ok(())
}

#[test]
fn a_loader_that_hangs_or_is_ended_keeps_no_other_key_waiting() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?.conf("cache_pg.load_timeout", "500ms"), 0.0)?;
    client.batch_execute(
        "CREATE OR REPLACE FUNCTION load(key text) RETURNS jsonb STABLE LANGUAGE plpgsql AS $$
         BEGIN
             IF key = 'n:3' THEN
                 PERFORM pg_sleep(600);
             ELSIF key = 'n:5' THEN
                 -- Nobody can cancel this: its process is ended.
                 LOOP
                     BEGIN
                         PERFORM pg_sleep(600);
                     EXCEPTION WHEN query_canceled THEN
                         NULL;
                     END;
                 END LOOP;
             END IF;
             RETURN '1';
         END $$",
    )?;
    warm(&mut client)?;
    wait_for(&mut client, "SELECT cache_count('n') = 98", PATIENCE)?;
    let told = "SELECT failed >= 1 AND last_error IS NOT NULL FROM cache_loads WHERE namespace = 'n'";
    ensure!(get::<bool>(&mut client, told)?, "nobody is told");
    Ok(())
}

#[test]
fn a_loader_that_is_dropped_or_that_uses_the_cache_is_no_trouble() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?, 0.0)?;
    client.batch_execute(
        "CREATE OR REPLACE FUNCTION load(key text) RETURNS jsonb STABLE LANGUAGE plpgsql AS $$
         BEGIN
             PERFORM cache_get('n:1');
             RETURN to_jsonb(cache_exists(load.key));
         END $$",
    )?;
    warm(&mut client)?;
    client.batch_execute("CALL cache_warm_wait('n', '45 seconds')")?;
    assert_eq!(get::<i64>(&mut client, "SELECT count(*) FROM cache_entries WHERE value = 'false'")?, 100);
    client.batch_execute("SELECT cache_clear('n'); DROP FUNCTION load(text)")?;
    warm(&mut client)?;
    let complaint = complaint(&mut client, "CALL cache_warm_wait('n', '45 seconds')")?;
    ensure!(complaint.starts_with("38000") && complaint.contains("does not exist"), "{complaint}");
    Ok(())
}

#[test]
fn a_loader_that_keeps_failing_stops_the_script_that_waits() -> Result<()> {
    let (cluster, mut client) = with_loader(server()?, 0.0)?;
    client.batch_execute("UPDATE source SET value = 'raise'")?;
    warm(&mut client)?;
    let complaint = complaint(&mut client, "CALL cache_warm_wait('n', '45 seconds')")?;
    ensure!(complaint.starts_with("38000 keys of cache namespace \"n\" cannot be loaded"), "{complaint}");
    ensure!(complaint.contains("today"), "{complaint}");
    // The other loader may fail at the same time. That is one pause, and the log tells of it once.
    let told = || cluster.log().matches("pauses the loads of a namespace after 3 failures").count();
    poll(PATIENCE, "the log to tell of the pause", || Ok(told() > 0))?;
    assert_eq!(told(), 1, "{}", cluster.log());
    Ok(())
}

#[test]
fn loaders_that_are_ended_again_and_again_are_told_of_in_the_log() -> Result<()> {
    let (cluster, mut client) = with_loader(server()?, 0.0)?;
    client.batch_execute(
        "CREATE OR REPLACE FUNCTION load(key text) RETURNS jsonb STABLE LANGUAGE plpgsql AS $$
         BEGIN
             PERFORM pg_terminate_backend(pg_backend_pid());
             PERFORM pg_sleep(600);
         END $$",
    )?;
    warm(&mut client)?;
    let pause =
        "pauses the loads of a namespace after 3 failures; the last: the process of the load was ended by a signal";
    poll(PATIENCE, "the log to tell of the pause", || Ok(cluster.log().contains(pause)))?;
    assert_eq!(cluster.log().matches("pauses the loads of a namespace").count(), 1, "{}", cluster.log());
    Ok(())
}

#[test]
fn without_workers_the_procedure_loads_in_its_session() -> Result<()> {
    for is_preloaded in [true, false] {
        let server = server()?.preload(is_preloaded).conf("cache_pg.max_loaders", "0");
        let (_cluster, mut client) = with_loader(server, 0.0)?;
        client.batch_execute("UPDATE source SET value = 'raise' WHERE key IN ('n:50', 'n:7')")?;
        assert_eq!(warm(&mut client)?, 100);
        client.batch_execute("CALL cache_warm_wait()")?;
        assert_eq!((count(&mut client)?, in_line(&mut client)?), (98, 0));
        // Each key in a transaction of its own.
        assert_eq!(
            get::<i64>(&mut client, "SELECT count(DISTINCT version::text) FROM cache_entries WHERE value IS NOT NULL")?,
            98
        );
        if is_preloaded {
            assert_eq!(counter(&mut client, "warmed")?, 98);
        }
        client.batch_execute("UPDATE source SET value = 'raise'; SELECT cache_clear()")?;
        assert_eq!(warm(&mut client)?, 100);
        let complaint = complaint(&mut client, "CALL cache_warm_wait()")?;
        ensure!(complaint.starts_with("38000") && complaint.contains("today"), "{complaint}");
    }
    Ok(())
}

#[test]
fn the_procedure_ends_no_transaction_of_its_caller_and_keeps_to_its_timeout() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?, 20.0)?;
    client.batch_execute("CREATE PROCEDURE inner_one() LANGUAGE plpgsql AS 'BEGIN CALL cache_warm_wait(); END'")?;
    ensure!(complaint(&mut client, "BEGIN; CALL cache_warm_wait()")?.starts_with("25001"), "in a block");
    client.batch_execute("ROLLBACK")?;
    warm(&mut client)?;
    let began = Instant::now();
    let complaint = complaint(&mut client, "CALL cache_warm_wait('n', '1 second')")?;
    ensure!(complaint.starts_with("57014") && complaint.contains("100 keys"), "{complaint}");
    ensure!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    // From a procedure that may commit it may, too.
    run(&mut client, "SELECT cache_clear('n'); CALL inner_one()")?;
    Ok(())
}

const ALL: &str = "SELECT cache_configure('n', warm => 'SELECT key FROM source')";

#[test]
fn what_should_be_there_is_warmed_after_it_was_configured_and_cleared() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?, 0.0)?;
    run(&mut client, &format!("{ALL}; CALL cache_warm_wait('n', '45 seconds')"))?;
    assert_eq!(count(&mut client)?, 100);
    for clear in ["SELECT cache_clear('n')", "SELECT cache_clear()", "SELECT cache_clear('n', 'n:1')"] {
        run(&mut client, &format!("{clear}; CALL cache_warm_wait('n', '45 seconds')"))?;
        assert_eq!(count(&mut client)?, 100, "{clear}");
    }
    client.batch_execute("BEGIN; SELECT cache_clear('n'); ROLLBACK; INSERT INTO source VALUES ('n:101', 'new')")?;
    client.batch_execute("CALL cache_warm_wait('n', '45 seconds')")?;
    assert_eq!(count(&mut client)?, 100);
    assert_eq!(get::<i64>(&mut client, "SELECT cache_warm('n')")?, 1);
    // Without a query nothing comes back.
    run(&mut client, "SELECT cache_configure('n', warm => ''); SELECT cache_clear('n'); CALL cache_warm_wait('n')")?;
    assert_eq!(count(&mut client)?, 0);
    ensure!(complaint(&mut client, "SELECT cache_warm('n')")?.starts_with("22023"), "no query");
    Ok(())
}

#[test]
fn what_should_be_there_is_warmed_after_a_start_and_after_a_crash() -> Result<()> {
    let (cluster, mut client) = with_loader(server()?, 0.0)?;
    run(&mut client, &format!("SELECT cache_persistence('unlogged'); {ALL}; CALL cache_warm_wait('n', '45 seconds')"))?;
    for mode in [StopMode::Immediate, StopMode::Fast] {
        client.batch_execute("DELETE FROM cache_entries WHERE key < 'n:5'")?;
        drop(client);
        cluster.stop(mode)?;
        cluster.start()?;
        client = cluster.connect("postgres")?;
        wait_for(&mut client, "SELECT cache_count('n') = 100", PATIENCE)?;
    }
    Ok(())
}

#[test]
fn p9_the_query_runs_as_the_owner_of_the_loader_and_nobody_else_writes_it() -> Result<()> {
    let (cluster, mut client) = with_loader(server()?, 0.0)?;
    run(
        &mut client,
        "CREATE ROLE app LOGIN; CREATE ROLE editor LOGIN;
         GRANT SELECT, INSERT, UPDATE ON cache_entries TO app; GRANT SELECT ON source TO app;
         GRANT SELECT, UPDATE ON cache_namespaces TO editor;
         ALTER FUNCTION load(text) OWNER TO app;
         SELECT cache_configure('n', loader => 'load(text)', warm => 'SELECT current_user || ''-'' || session_user');
         CALL cache_warm_wait('n', '45 seconds')",
    )?;
    poll(PATIENCE, "the load", || Ok(counter(&mut client, "refreshes_null")? == 1))?;
    let log = cluster.log();
    ensure!(!log.contains("pauses"), "{log}");
    client.batch_execute("SELECT cache_configure('n', warm => 'SELECT 1/0')")?;
    let error = "SELECT last_error LIKE '%division by zero%' FROM cache_loads WHERE namespace = 'n'";
    wait_for(&mut client, error, PATIENCE)?;
    // A role without the rights of the owner can write the row, but not the query.
    let mut editor = cluster.connect_as("editor", "postgres")?;
    editor.batch_execute("UPDATE cache_namespaces SET default_ttl = '1 minute'")?;
    let refused = complaint(&mut editor, "UPDATE cache_namespaces SET warm = 'SELECT pg_sleep(1)'")?;
    ensure!(refused.starts_with("42501"), "{refused}");
    // The query of one loader does not run with the rights of another.
    client.batch_execute("CREATE FUNCTION mine(text) RETURNS jsonb STABLE LANGUAGE sql RETURN '1'::jsonb")?;
    let refused = complaint(&mut client, "SELECT cache_configure('n', loader => 'mine(text)')")?;
    ensure!(refused.starts_with("22023 query in option warm belongs to a loader of another owner"), "{refused}");
    run(
        &mut client,
        "SELECT cache_configure('n', warm => '');
         SELECT cache_configure('n', loader => 'mine(text)', warm => 'SELECT current_user');
         CALL cache_warm_wait('n', '45 seconds')",
    )?;
    wait_for(&mut client, "SELECT cache_exists('n:postgres')", PATIENCE)?;
    Ok(())
}

#[test]
fn p9_a_query_that_writes_is_refused() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?, 0.0)?;
    client.batch_execute(
        "CREATE FUNCTION sneaky() RETURNS text LANGUAGE plpgsql AS 'BEGIN DELETE FROM source; RETURN 1; END'",
    )?;
    for query in
        ["DELETE FROM source RETURNING key", "SELECT key INTO other FROM source", "SELECT 1; SELECT 2", "COMMIT"]
    {
        for call in ["cache_warm('n', query => $$", "cache_configure('n', warm => $$"] {
            let complaint = complaint(&mut client, &format!("SELECT {call}{query}$$)"))?;
            ensure!(complaint.starts_with("42601"), "{query}: {complaint}");
        }
    }
    for query in ["SELECT sneaky()", "WITH gone AS (DELETE FROM source RETURNING key) SELECT key FROM gone"] {
        let complaint = complaint(&mut client, &format!("SELECT cache_warm('n', query => $$ {query} $$)"))?;
        ensure!(complaint.starts_with("0A000") || complaint.starts_with("25006"), "{query}: {complaint}");
    }
    assert_eq!(get::<i64>(&mut client, "SELECT count(*) FROM source")?, 100);
    Ok(())
}

#[test]
fn p8_no_more_is_put_in_line_than_there_is_room_for() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?, 0.0)?;
    client.batch_execute("SELECT cache_configure('n', max_entries => 10)")?;
    assert_eq!(warm(&mut client)?, 10);
    client.batch_execute("CALL cache_warm_wait('n', '45 seconds')")?;
    assert_eq!(counter(&mut client, "loads")?, 10);
    Ok(())
}

#[test]
fn keys_without_a_loader_leave_the_line() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?, 5.0)?;
    warm(&mut client)?;
    client.batch_execute("SELECT cache_unconfigure('n')")?;
    wait_for(&mut client, "SELECT count(*) = 0 FROM cache_entries WHERE value IS NULL", PATIENCE)?;
    Ok(())
}

#[test]
fn where_the_executor_must_write_nothing_is_put_in_line() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?, 0.0)?;
    client.batch_execute(
        "CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER fired BEFORE INSERT ON cache_entries FOR EACH ROW EXECUTE FUNCTION fired()",
    )?;
    let complaint = complaint(&mut client, "SELECT cache_warm('n', '{1}')")?;
    ensure!(complaint.starts_with("55000"), "{complaint}");
    Ok(())
}

#[test]
fn the_line_survives_a_restart_and_is_seen_after_it() -> Result<()> {
    let (cluster, mut client) = with_loader(server()?.conf("cache_pg.max_loaders", "0"), 0.1)?;
    warm(&mut client)?;
    drop(client);
    cluster.set_conf("cache_pg.max_loaders", "1")?;
    cluster.restart()?;
    let mut client = cluster.connect("postgres")?;
    let seen = "SELECT EXISTS (SELECT FROM cache_loads WHERE namespace = 'n' AND waiting > 0 AND since IS NOT NULL)";
    wait_for(&mut client, seen, PATIENCE)?;
    wait_for(&mut client, "SELECT cache_count('n') = 100", PATIENCE)?;
    // The sweeper learns by itself that nothing is left.
    wait_for(&mut client, "SELECT since IS NULL FROM cache_loads WHERE namespace = 'n'", PATIENCE)
}

#[test]
fn a_key_that_another_transaction_holds_keeps_no_other_waiting() -> Result<()> {
    let (cluster, mut client) = with_loader(server()?, 0.0)?;
    let mut other = cluster.connect("postgres")?;
    other.batch_execute("BEGIN; SELECT cache_set('n:1', '1')")?;
    client.batch_execute(ALL)?;
    wait_for(&mut client, "SELECT cache_count('n') = 99", PATIENCE)?;
    // Nobody has written it, so it is listed again.
    other.batch_execute("ROLLBACK")?;
    wait_for(&mut client, "SELECT cache_count('n') = 100", PATIENCE)?;
    // A row in line that is locked.
    client.batch_execute("SELECT cache_configure('n', warm => ''); SELECT cache_clear('n')")?;
    cluster.set_conf("cache_pg.max_loaders", "0")?;
    cluster.reload()?;
    warm(&mut client)?;
    other.batch_execute("BEGIN; SELECT FROM cache_entries WHERE key = 'n:1' FOR UPDATE")?;
    cluster.set_conf("cache_pg.max_loaders", "2")?;
    cluster.reload()?;
    wait_for(&mut client, "SELECT cache_count('n') = 99", PATIENCE)?;
    other.batch_execute("ROLLBACK")?;
    wait_for(&mut client, "SELECT cache_count('n') = 100", PATIENCE)
}

#[test]
fn a_clear_that_was_prepared_is_followed_by_a_warming_too() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?.conf("max_prepared_transactions", "5"), 0.0)?;
    run(&mut client, &format!("{ALL}; CALL cache_warm_wait('n', '45 seconds')"))?;
    let no_loader = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'cache_pg loader')";
    wait_for(&mut client, no_loader, PATIENCE)?;
    run(&mut client, "BEGIN; SELECT cache_clear('n'); PREPARE TRANSACTION 'clear'")?;
    // The keys are listed now, while the transaction holds them.
    let loader = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'cache_pg loader')";
    wait_for(&mut client, loader, PATIENCE)?;
    wait_for(&mut client, no_loader, PATIENCE)?;
    client.batch_execute("COMMIT PREPARED 'clear'")?;
    assert_eq!(count(&mut client)?, 0);
    wait_for(&mut client, "SELECT cache_count('n') = 100", PATIENCE)
}

#[test]
fn p8_many_calls_put_no_more_in_line_than_one() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?.conf("cache_pg.max_loaders", "1"), 20.0)?;
    client.batch_execute(
        "SELECT cache_configure('n', max_entries => 30);
         SELECT cache_warm('n', ARRAY[key]) FROM source",
    )?;
    wait_for(&mut client, "SELECT count(*) <= 30 FROM cache_entries", PATIENCE)
}

#[test]
fn p11_the_keys_of_one_role_do_not_keep_those_of_another_waiting() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?.conf("cache_pg.max_loaders", "1"), 0.2)?;
    client.batch_execute(
        "CREATE ROLE app;
         GRANT SELECT, INSERT, UPDATE ON cache_entries TO app; GRANT SELECT ON source TO app;
         ALTER FUNCTION load(text) OWNER TO app;
         CREATE FUNCTION quick(text) RETURNS jsonb STABLE LANGUAGE sql RETURN '1'::jsonb;
         SELECT cache_configure('n', loader => 'load(text)'), cache_configure('m', loader => 'quick(text)')",
    )?;
    warm(&mut client)?;
    client.batch_execute("SELECT cache_warm('m', '{1}')")?;
    wait_for(&mut client, "SELECT cache_exists('m:1')", PATIENCE)?;
    ensure!(in_line(&mut client)? > 0, "all keys of the other namespace were loaded before");
    Ok(())
}

#[test]
fn a_key_that_is_listed_twice_has_the_tags_of_both() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?, 0.0)?;
    let query = "VALUES (1, ARRAY[$$a$$]), (2, NULL), (1, ARRAY[$$b$$, $$a$$]), (2, ARRAY[$$c$$])";
    run(&mut client, &format!("SELECT cache_warm('n', query => '{query}'); CALL cache_warm_wait('n', '45 seconds')"))?;
    let tags: String = get(&mut client, "SELECT string_agg(tags::text, ' ' ORDER BY key) FROM cache_entries")?;
    assert_eq!(tags, "{a,b} {c}");
    Ok(())
}

#[test]
fn the_script_that_waits_is_told_of_failures_however_few() -> Result<()> {
    let (cluster, mut client) = with_loader(server()?, 0.0)?;
    client.batch_execute("UPDATE source SET value = 'raise' WHERE key = 'n:1'; SELECT cache_warm('n', '{1}')")?;
    let complaint = complaint(&mut client, "CALL cache_warm_wait('n', '45 seconds')")?;
    ensure!(complaint.starts_with("38000") && complaint.contains("no n:1 today"), "{complaint}");
    warm(&mut client)?;
    let output = cluster.psql_command("postgres").args(["-c", "CALL cache_warm_wait('n', '45 seconds')"]).output()?;
    let told = String::from_utf8(output.stderr)?;
    ensure!(output.status.success() && told.contains("WARNING:  1 key of cache namespace \"n\""), "{told}");
    // A query that fails is no reason to wait.
    client.batch_execute("SELECT cache_configure('n', warm => 'SELECT 1/0')")?;
    let complaint = self::complaint(&mut client, "CALL cache_warm_wait('n', '45 seconds')")?;
    ensure!(complaint.starts_with("38000") && complaint.contains("division by zero"), "{complaint}");
    let complaint = self::complaint(&mut client, "CALL cache_warm_wait('nosuch')")?;
    ensure!(complaint.starts_with("22023"), "{complaint}");
    Ok(())
}

#[test]
fn p9_a_query_does_not_survive_a_dump_beside_a_loader_of_another_owner() -> Result<()> {
    let (cluster, mut client) = with_loader(server()?, 0.0)?;
    client.batch_execute(
        "CREATE ROLE bob; CREATE SCHEMA bobs AUTHORIZATION bob; GRANT EXECUTE ON FUNCTION cache_configure TO bob;
         SET ROLE bob;
         CREATE FUNCTION bobs.f(text) RETURNS jsonb LANGUAGE sql STABLE AS 'SELECT to_jsonb(1)';
         SELECT cache_configure('b', loader => 'bobs.f(text)', warm => 'SELECT current_user');
         RESET ROLE;
         ALTER FUNCTION bobs.f(text) OWNER TO postgres;
         SELECT cache_configure('n', warm => 'VALUES (1)');
         CREATE TABLE copy AS TABLE cache_namespaces;
         DELETE FROM cache_namespaces;
         INSERT INTO cache_namespaces SELECT * FROM copy",
    )?;
    let kept: String =
        get(&mut client, "SELECT string_agg(namespace || '=' || coalesce(warm, ''), ' ') FROM cache_namespaces")?;
    ensure!(kept.contains("b= ") || kept.ends_with("b="), "{kept}");
    ensure!(kept.contains("n=VALUES (1)"), "{kept}");
    ensure!(cluster.log().contains("option warm of a cache namespace was left out"), "nobody is told");
    Ok(())
}
