//! Workers that refresh ahead, and loaders that misbehave: nothing is stuck, nothing is silent, nobody gets rights.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use cache_pg_server_tests::{PATIENCE, create_database, create_extension, get, processes, server, value};
use postgres::Client;
use xtask::cluster::{Cluster, StopMode, poll, wait_for};

/// A server with one worker, and a namespace `good` whose loads always succeed.
fn started(settings: &[(&str, &str)]) -> Result<(Cluster, Client)> {
    let server = server()?.conf("cache_pg.sweep_interval", "500ms").conf("cache_pg.max_loaders", "1");
    let server = settings.iter().fold(server, |server, (name, value)| server.conf(name, value));
    let cluster = server.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(
        "CREATE TABLE source (key text PRIMARY KEY, value jsonb);
         INSERT INTO source VALUES ('good:1', '1'), ('n:1', '1');
         CREATE FUNCTION good(key text) RETURNS jsonb STABLE LANGUAGE sql
             BEGIN ATOMIC; SELECT value FROM source AS s WHERE s.key = good.key; END;
         SELECT cache_configure('good', default_ttl => '4 seconds', loader => 'good(text)', refresh_ahead => '2 seconds')",
    )?;
    Ok((cluster, client))
}

/// Gives the namespace `n` a loader that returns 1 for callers, and does this in a worker.
fn misbehaves(client: &mut Client, body: &str) -> Result<()> {
    client.batch_execute(&format!(
        "CREATE FUNCTION bad(key text) RETURNS jsonb STABLE LANGUAGE plpgsql AS $$
         BEGIN
             IF (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()) = 'cache_pg loader' THEN
                 {body}
             END IF;
             RETURN '1';
         END $$;
         SELECT cache_configure('n', default_ttl => '6 seconds', loader => 'bad(text)', refresh_ahead => '4 seconds')"
    ))?;
    read(client, "n:1")
}

fn read(client: &mut Client, key: &str) -> Result<()> {
    client.execute("SELECT cache_get_or_set($1)", &[&key])?;
    client.execute("SELECT cache_get($1)", &[&key])?;
    Ok(())
}

fn counter(client: &mut Client, name: &str) -> Result<i64> {
    Ok(value(client, &format!("SELECT {name} FROM cache_stats WHERE namespace = 'n'"))?.unwrap_or(0))
}

/// Waits until a load of `n` has failed with an error that contains `text`, and everybody is told.
fn fails_with(client: &mut Client, text: &str) -> Result<()> {
    wait_for(client, "SELECT refresh_errors >= 1 FROM cache_stats WHERE namespace = 'n'", PATIENCE)?;
    let row = client.query_one("SELECT failed_key, last_error, failed FROM cache_loads WHERE namespace = 'n'", &[])?;
    let (key, error): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    ensure!(key == "n:1" && error.contains(text), "{key}: {error}");
    let health = "SELECT status || ': ' || advice FROM cache_health WHERE \"check\" = 'refreshes'";
    let health: String = value(client, health)?.unwrap_or_default();
    ensure!(health.contains(text) && !health.starts_with("ok"), "{health}");
    goes_on(client)
}

/// Waits until the only worker has refreshed an entry of another namespace.
fn goes_on(client: &mut Client) -> Result<()> {
    poll(PATIENCE, "a refresh of the other namespace", || {
        read(client, "good:1")?;
        get(client, "SELECT coalesce(sum(refreshes), 0) >= 1 FROM cache_stats WHERE namespace = 'good'")
    })
}

#[test]
fn a_loader_that_raises_is_retried_less_and_less_often() -> Result<()> {
    let (_cluster, mut client) = started(&[])?;
    client.execute("SELECT cache_configure('n', jitter => 0)", &[])?;
    misbehaves(&mut client, "RAISE EXCEPTION 'no % today', key;")?;
    fails_with(&mut client, "no n:1 today")?;
    // In its lead of four seconds it is looked at sixteen times.
    poll(PATIENCE, "the deadline", || Ok(!get::<bool>(&mut client, "SELECT cache_exists('n:1')")?))?;
    let errors = counter(&mut client, "refresh_errors")?;
    ensure!(errors <= 4, "it was tried {errors} times in four seconds");
    Ok(())
}

#[test]
fn a_namespace_whose_loads_fail_is_paused_whatever_the_key() -> Result<()> {
    let (_cluster, mut client) = started(&[])?;
    client.batch_execute(
        "CREATE FUNCTION bad(key text) RETURNS jsonb STABLE LANGUAGE plpgsql AS $$
         BEGIN
             IF (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()) = 'cache_pg loader' THEN
                 RAISE EXCEPTION 'no';
             END IF;
             RETURN '1';
         END $$;
         SELECT cache_configure('n', default_ttl => '20 seconds', loader => 'bad(text)', refresh_ahead => '15 seconds');
         SELECT cache_get_or_set('n:' || n) FROM generate_series(1, 500) AS n;
         SELECT cache_get('n:' || n) FROM generate_series(1, 500) AS n",
    )?;
    wait_for(&mut client, "SELECT paused_until IS NOT NULL FROM cache_loads WHERE namespace = 'n'", PATIENCE)?;
    goes_on(&mut client)?;
    poll(PATIENCE, "the deadlines", || get(&mut client, "SELECT count(*) = 0 FROM cache_keys('n')"))?;
    let errors = counter(&mut client, "refresh_errors")?;
    ensure!((3..=12).contains(&errors), "{errors} of 500 keys were tried");
    Ok(())
}

#[test]
fn a_loader_that_hangs_is_canceled_after_load_timeout() -> Result<()> {
    let (_cluster, mut client) = started(&[("cache_pg.load_timeout", "300ms")])?;
    misbehaves(&mut client, "PERFORM pg_sleep(3600);")?;
    fails_with(&mut client, "longer than cache_pg.load_timeout (300 ms)")
}

#[test]
fn a_loader_that_ignores_its_cancel_loses_its_process() -> Result<()> {
    let (_cluster, mut client) = started(&[("cache_pg.load_timeout", "300ms")])?;
    misbehaves(
        &mut client,
        "LOOP BEGIN PERFORM pg_sleep(3600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP;",
    )?;
    wait_for(&mut client, "SELECT running = 1 FROM cache_loads WHERE namespace = 'n'", PATIENCE)?;
    wait_for(
        &mut client,
        "SELECT failures_in_a_row >= 1 AND last_error LIKE '%ended%' FROM cache_loads WHERE namespace = 'n'",
        PATIENCE,
    )?;
    goes_on(&mut client)
}

#[test]
fn a_loader_that_returns_null_lets_the_entry_expire() -> Result<()> {
    let (_cluster, mut client) = started(&[])?;
    misbehaves(&mut client, "RETURN NULL;")?;
    wait_for(&mut client, "SELECT refreshes_null >= 1 FROM cache_stats WHERE namespace = 'n'", PATIENCE)?;
    ensure!(get::<bool>(&mut client, "SELECT cache_exists('n:1')")?, "it went before its deadline");
    goes_on(&mut client)?;
    poll(PATIENCE, "the deadline", || Ok(!get::<bool>(&mut client, "SELECT cache_exists('n:1')")?))?;
    let nulls = counter(&mut client, "refreshes_null")?;
    ensure!(nulls <= 4 && counter(&mut client, "refresh_errors")? == 0, "{nulls} loads returned NULL");
    Ok(())
}

#[test]
fn a_loader_that_is_gone_or_has_another_owner_is_not_called() -> Result<()> {
    let (_cluster, mut client) = started(&[])?;
    misbehaves(&mut client, "NULL;")?;
    client.batch_execute("CREATE ROLE other; ALTER FUNCTION bad(text) OWNER TO other")?;
    fails_with(&mut client, "owner of loader function")?;
    let (_cluster, mut client) = started(&[])?;
    misbehaves(&mut client, "NULL;")?;
    client.batch_execute("DROP FUNCTION bad(text)")?;
    fails_with(&mut client, "does not exist")
}

#[test]
fn p9_a_loader_whose_owner_may_not_write_the_cache_stores_nothing() -> Result<()> {
    let (_cluster, mut client) = started(&[])?;
    client.batch_execute(
        "CREATE ROLE app; GRANT CREATE ON SCHEMA public TO app; GRANT SELECT ON cache_entries TO app;
         SET ROLE app;
         CREATE FUNCTION bad(key text) RETURNS jsonb STABLE LANGUAGE sql RETURN to_jsonb(current_user::text);
         RESET ROLE;
         SELECT cache_configure('n', default_ttl => '6 seconds', loader => 'bad(text)', refresh_ahead => '4 seconds')",
    )?;
    read(&mut client, "n:1")?;
    fails_with(&mut client, "GRANT INSERT, UPDATE ON public.cache_entries TO app")?;
    client.batch_execute("GRANT INSERT, UPDATE ON cache_entries TO app")?;
    poll(PATIENCE, "a refresh", || {
        read(&mut client, "n:1")?;
        Ok(counter(&mut client, "refreshes")? >= 1)
    })?;
    assert_eq!(value::<String>(&mut client, "SELECT cache_get('n:1') #>> '{}'")?.as_deref(), Some("app"));
    Ok(())
}

#[test]
fn p9_no_loader_is_told_that_it_runs_for_a_superuser_or_finds_what_another_role_has_left() -> Result<()> {
    let (_cluster, mut client) = started(&[])?;
    for role in ["one", "two"] {
        client.batch_execute(&format!(
            "CREATE ROLE {role}; GRANT CREATE ON SCHEMA public TO {role};
             GRANT SELECT, INSERT, UPDATE ON cache_entries TO {role};
             SET ROLE {role};
             CREATE FUNCTION of_{role}(key text) RETURNS jsonb STABLE LANGUAGE sql RETURN
                 jsonb_build_object('session', session_user, 'user', current_user, 'super', current_setting('is_superuser'),
                                    'pid', pg_backend_pid());
             RESET ROLE;
             SELECT cache_configure('{role}', default_ttl => '6 seconds', loader => 'of_{role}(text)', refresh_ahead => '4 seconds')"
        ))?;
    }
    let refreshed = "SELECT count(*) = 2 FROM cache_stats WHERE namespace IN ('one', 'two') AND refreshes > 0";
    poll(PATIENCE, "a refresh of each", || {
        read(&mut client, "one:1")?;
        read(&mut client, "two:1")?;
        get(&mut client, refreshed)
    })?;
    let mut pids = Vec::new();
    for role in ["one", "two"] {
        let value: serde_json::Value = get(&mut client, &format!("SELECT cache_get('{role}:1')"))?;
        ensure!(value["session"] == role && value["user"] == role && value["super"] == "off", "{value}");
        pids.push(value["pid"].clone());
    }
    ensure!(pids[0] != pids[1], "one process ran the loaders of two roles");
    Ok(())
}

#[test]
fn p9_a_worker_runs_no_trigger_and_passes_no_policy() -> Result<()> {
    let (_cluster, mut client) = started(&[])?;
    client.batch_execute("CREATE TABLE fired (by text)")?;
    misbehaves(&mut client, "NULL;")?;
    client.batch_execute(
        "CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN INSERT INTO fired SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid(); RETURN new; END $$;
         CREATE TRIGGER fire BEFORE INSERT OR UPDATE ON cache_entries FOR EACH ROW EXECUTE FUNCTION fire()",
    )?;
    wait_for(&mut client, "SELECT refresh_errors >= 1 FROM cache_stats WHERE namespace = 'n'", PATIENCE)?;
    let error: String = get(&mut client, "SELECT last_error FROM cache_loads WHERE namespace = 'n'")?;
    ensure!(error.contains("triggers"), "{error}");
    ensure!(get::<bool>(&mut client, "SELECT NOT EXISTS (SELECT FROM fired WHERE by LIKE 'cache_pg%')")?);

    let (_cluster, mut client) = started(&[])?;
    client.batch_execute(
        "CREATE ROLE app; GRANT CREATE ON SCHEMA public TO app; GRANT SELECT, INSERT, UPDATE ON cache_entries TO app;
         SET ROLE app;
         CREATE FUNCTION bad(key text) RETURNS jsonb STABLE LANGUAGE sql RETURN '1'::jsonb;
         RESET ROLE;
         ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY;
         SELECT cache_configure('n', default_ttl => '6 seconds', loader => 'bad(text)', refresh_ahead => '4 seconds')",
    )?;
    read(&mut client, "n:1")?;
    fails_with(&mut client, "policies")
}

#[test]
fn a_loader_may_use_the_cache_and_even_delete_its_own_key() -> Result<()> {
    for (body, counted) in [
        // Nothing is stored over the tombstone.
        ("PERFORM cache_delete(key);", "refreshes_refused"),
        ("RETURN cache_get(key);", "refreshes"),
        ("RETURN cache_get_or_set(key);", "refreshes"),
        ("RETURN cache_get_or_set('good:1');", "refreshes"),
    ] {
        let (_cluster, mut client) = started(&[])?;
        misbehaves(&mut client, body)?;
        poll(PATIENCE, body, || {
            read(&mut client, "n:1")?;
            Ok(counter(&mut client, counted)? >= 1)
        })?;
        goes_on(&mut client)?;
        let error: Option<String> = value(&mut client, "SELECT max(last_error) FROM cache_loads")?;
        ensure!(error.is_none(), "{body}: {error:?}");
    }
    Ok(())
}

#[test]
fn p5_a_session_that_needs_what_a_loader_reads_does_not_wait_for_it() -> Result<()> {
    let (_cluster, mut client) = started(&[("cache_pg.load_timeout", "1h"), ("deadlock_timeout", "100ms")])?;
    misbehaves(&mut client, "PERFORM FROM source; PERFORM pg_sleep(3600);")?;
    let locked = "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
                  WHERE relation = 'source'::regclass AND backend_type = 'cache_pg loader')
                  AND (SELECT running = 1 FROM cache_loads WHERE namespace = 'n')";
    wait_for(&mut client, locked, PATIENCE)?;
    client.batch_execute("SET lock_timeout = '40s'; ALTER TABLE source ADD COLUMN more text")?;
    client.batch_execute("RESET lock_timeout; SET statement_timeout = '40s'")?;
    wait_for(&mut client, locked, PATIENCE)?;
    // It waits for the snapshot of the load.
    client.batch_execute("CREATE INDEX CONCURRENTLY ON source (more)")?;
    // The loader is not to blame.
    let failures = "SELECT failed + failures_in_a_row FROM cache_loads WHERE namespace = 'n'";
    assert_eq!(get::<i64>(&mut client, failures)?, 0);
    Ok(())
}

#[test]
fn p8_the_only_worker_serves_all_databases_in_turn() -> Result<()> {
    let (cluster, mut client) = started(&[("cache_pg.loader_share", "1")])?;
    let mut other = create_database(&cluster, "other")?;
    for client in [&mut client, &mut other] {
        client.batch_execute(
            "CREATE FUNCTION slow(key text) RETURNS jsonb STABLE LANGUAGE sql RETURN to_jsonb(pg_sleep(0.05) IS NULL);
             SELECT cache_configure('n', default_ttl => '40 seconds', loader => 'slow(text)', refresh_ahead => '30 seconds');
             SELECT cache_set('n:' || n, '1') FROM generate_series(1, 400) AS n;
             UPDATE cache_entries SET load_us = 50000;
             SELECT cache_get('n:' || n) FROM generate_series(1, 400) AS n",
        )?;
    }
    let some = "SELECT coalesce(sum(refreshes), 0) BETWEEN 1 AND 399 FROM cache_stats WHERE namespace = 'n'";
    poll(PATIENCE, "a refresh in each database before all in one", || {
        Ok(get(&mut client, some)? && get(&mut other, some)?)
    })
}

#[test]
fn p8_a_worker_rests_for_its_share_whatever_wakes_it() -> Result<()> {
    let (_cluster, mut client) = started(&[("cache_pg.loader_share", "0.02")])?;
    client.batch_execute(
        "CREATE FUNCTION slow(key text) RETURNS jsonb STABLE LANGUAGE sql RETURN to_jsonb(pg_sleep(0.1) IS NULL);
         SELECT cache_configure('n', default_ttl => '40 seconds', loader => 'slow(text)', refresh_ahead => '30 seconds')",
    )?;
    for n in 1..=50 {
        client.execute("SELECT cache_set('n:' || $1::int, '1')", &[&n])?;
    }
    client.batch_execute(
        "UPDATE cache_entries SET load_us = 100000; SELECT cache_get('n:' || n) FROM generate_series(1, 50) AS n",
    )?;
    let done = |client: &mut Client| counter(client, "refreshes");
    poll(PATIENCE, "the first refresh", || Ok(done(&mut client)? >= 1))?;
    let (first, began) = (done(&mut client)?, Instant::now());
    poll(PATIENCE, "two more", || Ok(done(&mut client)? >= first + 2))?;
    // Each load takes a tenth of a second, so the rest after it is almost five seconds long.
    ensure!(began.elapsed() > Duration::from_secs(5), "two loads in {:?}", began.elapsed());
    Ok(())
}

#[test]
fn a_database_is_dropped_and_the_server_stops_while_a_load_runs() -> Result<()> {
    let (cluster, mut client) = started(&[("cache_pg.load_timeout", "1h")])?;
    let mut other = create_database(&cluster, "other")?;
    misbehaves(&mut other, "PERFORM pg_sleep(3600);")?;
    wait_for(&mut other, "SELECT running = 1 FROM cache_loads WHERE namespace = 'n'", PATIENCE)?;
    drop(other);
    client.batch_execute("DROP DATABASE other")?;
    goes_on(&mut client)?;

    misbehaves(&mut client, "PERFORM pg_sleep(3600);")?;
    wait_for(&mut client, "SELECT running = 1 FROM cache_loads WHERE namespace = 'n'", PATIENCE)?;
    // Fewer loaders than there are: the last ones end.
    client.batch_execute("ALTER SYSTEM SET cache_pg.max_loaders = 0")?;
    client.batch_execute("SELECT pg_reload_conf()")?;
    poll(PATIENCE, "the end of the loader", || Ok(processes(&mut client, "cache_pg loader")?.is_empty()))?;
    client.batch_execute("ALTER SYSTEM RESET cache_pg.max_loaders")?;
    client.batch_execute("SELECT pg_reload_conf()")?;
    poll(PATIENCE, "another load", || {
        read(&mut client, "n:1")?;
        get(&mut client, "SELECT coalesce(sum(running), 0) = 1 FROM cache_loads WHERE namespace = 'n'")
    })?;
    let began = Instant::now();
    cluster.stop(StopMode::Fast)?;
    // A server that waited for the load would stop after an hour.
    ensure!(began.elapsed() < Duration::from_secs(60), "it took {:?} to stop", began.elapsed());
    Ok(())
}
