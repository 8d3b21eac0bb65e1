//! Refresh ahead: what is read is computed anew by a worker before its deadline, and nothing else is.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};
use cache_pg_server_tests::{PATIENCE, create_extension, get, processes, server, together, value};
use postgres::Client;
use xtask::cluster::{Builder, Cluster, poll, wait_for};

/// A server whose workers find their work soon.
fn swift() -> Result<Builder> {
    Ok(server()?.conf("cache_pg.sweep_interval", "500ms"))
}

/// A source, and a namespace `n` with a loader that takes so long.
fn with_loader(server: Builder, seconds: f64) -> Result<(Cluster, Client)> {
    let cluster = server.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(&format!(
        "CREATE TABLE source (key text PRIMARY KEY, value text);
         CREATE FUNCTION load(key text) RETURNS jsonb STABLE LANGUAGE plpgsql AS $$
         BEGIN
             PERFORM pg_sleep({seconds});
             RETURN (SELECT to_jsonb(s.value) FROM source AS s WHERE s.key = load.key);
         END $$;
         INSERT INTO source SELECT 'n:' || n, 'first' FROM generate_series(1, 1000) AS n;
         SELECT cache_configure('n', default_ttl => '4 seconds', loader => 'load(text)', refresh_ahead => '2 seconds')"
    ))?;
    Ok((cluster, client))
}

/// Loads a key and reads it, so that it is to be refreshed.
fn read(client: &mut Client, key: &str) -> Result<()> {
    client.execute("SELECT cache_get_or_set($1)", &[&key])?;
    let found: bool = client.query_one("SELECT cache_exists($1), cache_get($1) IS NOT NULL", &[&key])?.try_get(1)?;
    ensure!(found, "{key} was not stored");
    Ok(())
}

fn counter(client: &mut Client, name: &str) -> Result<i64> {
    Ok(value(client, &format!("SELECT {name} FROM cache_stats WHERE namespace = 'n'"))?.unwrap_or(0))
}

fn wait_for_counter(client: &mut Client, name: &str, count: i64) -> Result<()> {
    wait_for(client, &format!("SELECT {name} >= {count} FROM cache_stats WHERE namespace = 'n'"), PATIENCE)
}

fn health(client: &mut Client) -> Result<(String, String)> {
    let check = "SELECT status, concat_ws(': ', value, advice) FROM cache_health WHERE \"check\" = 'refreshes'";
    let row = client.query_one(check, &[])?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

#[test]
fn a_key_that_is_read_never_expires_and_nobody_waits_for_it() -> Result<()> {
    let (_cluster, mut client) = with_loader(swift()?, 0.3)?;
    client.execute("SELECT cache_get_or_set('n:1')", &[])?;
    poll(PATIENCE, "four refreshes", || {
        ensure!(value::<String>(&mut client, "SELECT cache_get('n:1')::text")?.is_some(), "a reader found nothing");
        Ok(counter(&mut client, "refreshes")? >= 4)
    })?;
    // A refresh is counted after its load.
    poll(PATIENCE, "as many loads as refreshes", || {
        Ok(counter(&mut client, "loads")? == counter(&mut client, "refreshes")? + 1)
    })?;
    assert_eq!(health(&mut client)?, ("ok".into(), "work".into()));
    Ok(())
}

#[test]
fn a_key_that_is_not_read_expires() -> Result<()> {
    let (_cluster, mut client) = with_loader(swift()?, 0.0)?;
    read(&mut client, "n:1")?;
    client.execute("SELECT cache_get_or_set('n:2')", &[])?;
    wait_for_counter(&mut client, "refreshes", 1)?;
    // The first key was read before that refresh and not since, the second one never.
    wait_for(&mut client, "SELECT NOT EXISTS (SELECT FROM cache_entries)", PATIENCE)?;
    assert_eq!((counter(&mut client, "refreshes")?, counter(&mut client, "loads")?), (1, 3));
    Ok(())
}

#[test]
fn with_the_usual_interval_of_sweeps_a_short_ttl_is_refreshed_in_time() -> Result<()> {
    let (_cluster, mut client) = with_loader(server()?, 0.0)?;
    read(&mut client, "n:1")?;
    poll(PATIENCE, "three refreshes", || {
        ensure!(value::<String>(&mut client, "SELECT cache_get('n:1')::text")?.is_some(), "a reader found nothing");
        Ok(counter(&mut client, "refreshes")? >= 3)
    })
}

#[test]
fn p2_what_is_invalidated_during_the_load_is_not_brought_back() -> Result<()> {
    let (cluster, mut client) = with_loader(swift()?, 1.0)?;
    for (number, invalidate) in [
        "SELECT cache_delete('n:1')",
        "SELECT cache_clear('n')",
        "SELECT cache_invalidate_tags('t')",
        "DELETE FROM cache_entries",
    ]
    .into_iter()
    .enumerate()
    {
        client.execute("SELECT cache_get_or_set('n:1', tags => '{t}')", &[])?;
        client.execute("SELECT cache_get('n:1')", &[])?;
        // The loader has its snapshot, and sleeps.
        let loads = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'cache_pg loader' AND wait_event = 'PgSleep')";
        wait_for(&mut client, loads, PATIENCE)?;
        let mut other = cluster.connect("postgres")?;
        other.batch_execute(&format!("BEGIN; UPDATE source SET value = 'new {number}'; {invalidate}; COMMIT"))?;
        ensure!(value::<String>(&mut client, "SELECT cache_get('n:1')::text")?.is_none(), "after {invalidate}");
        wait_for_counter(&mut client, "refreshes_refused", number as i64 + 1)?;
        ensure!(value::<String>(&mut client, "SELECT cache_get('n:1')::text")?.is_none(), "after {invalidate}");
    }
    assert_eq!(counter(&mut client, "refreshes")?, 0);
    Ok(())
}

#[test]
fn a_caller_that_misses_during_the_load_waits_for_it() -> Result<()> {
    // The load takes longer than the entry lives on.
    let (cluster, mut client) = with_loader(swift()?, 1.5)?;
    client
        .execute("SELECT cache_configure('n', default_ttl => '2 seconds', refresh_ahead => '100 milliseconds')", &[])?;
    read(&mut client, "n:1")?;
    wait_for(&mut client, "SELECT running = 1 FROM cache_loads WHERE namespace = 'n'", PATIENCE)?;
    let missed = together(8, |_| {
        let mut client = cluster.connect("postgres")?;
        // Until the deadline, or until the worker is done.
        let over = "SELECT cache_get('n:1') IS NULL OR (SELECT running = 0 FROM cache_loads WHERE namespace = 'n')";
        wait_for(&mut client, over, PATIENCE)?;
        value::<String>(&mut client, "SELECT cache_get_or_set('n:1')::text")
    })?;
    ensure!(missed.iter().all(|value| value.as_deref() == Some("\"first\"")), "{missed:?}");
    poll(PATIENCE, "as many loads as refreshes", || {
        Ok(counter(&mut client, "loads")? == counter(&mut client, "refreshes")? + 1)
    })
}

#[test]
fn a_refreshed_entry_keeps_its_tags_and_its_shorter_ttl() -> Result<()> {
    let (_cluster, mut client) = with_loader(swift()?, 0.0)?;
    client.execute("SELECT cache_configure('n', default_ttl => '1 hour')", &[])?;
    client.execute("SELECT cache_get_or_set('n:1', NULL, '3 seconds', '{a,b}')", &[])?;
    client.execute("SELECT cache_get('n:1')", &[])?;
    wait_for_counter(&mut client, "refreshes", 1)?;
    ensure!(get::<bool>(&mut client, "SELECT cache_ttl('n:1') <= '3 seconds'")?, "it lives longer than it was to");
    ensure!(get::<bool>(&mut client, "SELECT tags = '{a,b}' FROM cache_entry('n:1')")?, "its tags are gone");
    client.execute("SELECT cache_invalidate_tags('b')", &[])?;
    ensure!(!get::<bool>(&mut client, "SELECT cache_exists('n:1')")?, "its tag is worth nothing");
    Ok(())
}

#[test]
fn only_computed_values_of_namespaces_that_ask_for_it_are_refreshed() -> Result<()> {
    let (_cluster, mut client) = with_loader(swift()?, 0.0)?;
    client.batch_execute(
        "SELECT cache_configure('other', default_ttl => '4 seconds', loader => 'load(text)');
         SELECT cache_configure('off', default_ttl => '4 seconds', loader => 'load(text)', refresh_ahead => '0');
         SELECT cache_set('n:set', '1'), cache_incr('n:incr'), cache_lock('n:lock', 'me', '4 seconds');
         SELECT cache_set_bytes('n:bytes', 'x'), cache_get_or_set('other:1', 'SELECT 1'), cache_get_or_set('off:1', 'SELECT 1')",
    )?;
    read(&mut client, "n:1")?;
    let keys = "SELECT count(*) FROM cache_get_many_bytes('{n:set,n:incr,n:lock,n:bytes,other:1,off:1}')";
    poll(PATIENCE, "a refresh, with reads of the others", || {
        client.execute(keys, &[])?;
        Ok(counter(&mut client, "refreshes")? >= 1)
    })?;
    poll(PATIENCE, "the deadlines of the others", || Ok(get::<i64>(&mut client, keys)? == 0))?;
    assert_eq!(get::<i64>(&mut client, "SELECT sum(refreshes)::bigint FROM cache_stats WHERE namespace <> 'n'")?, 0);
    assert_eq!(counter(&mut client, "refreshes")?, 1);
    Ok(())
}

#[test]
fn p8_no_more_loads_run_at_the_same_time_than_allowed_and_all_keys_get_their_turn() -> Result<()> {
    let (cluster, mut client) = with_loader(swift()?.conf("cache_pg.max_loaders", "3"), 0.05)?;
    client.batch_execute("SELECT cache_configure('n', default_ttl => '40 seconds', refresh_ahead => '30 seconds')")?;
    client.execute("SELECT cache_get_or_set('n:' || n) FROM generate_series(1, 100) AS n", &[])?;
    client.execute("SELECT cache_get('n:' || n) FROM generate_series(1, 100) AS n", &[])?;
    let done = AtomicBool::new(false);
    let most = together(2, |number| {
        let mut client = cluster.connect("postgres")?;
        if number == 0 {
            let outcome = wait_for_counter(&mut client, "refreshes", 100);
            done.store(true, Ordering::Relaxed);
            return outcome.map(|()| 0);
        }
        let mut most = 0;
        while !done.load(Ordering::Relaxed) {
            most = most.max(processes(&mut client, "cache_pg loader")?.len());
        }
        Ok(most)
    })?;
    ensure!((2..=3).contains(&most[1]), "{} loaders at the same time", most[1]);
    ensure!(get::<bool>(&mut client, "SELECT count(*) = 100 FROM cache_keys('n')")?, "an entry is gone");
    Ok(())
}

#[test]
fn a_load_that_is_slower_than_refresh_ahead_begins_earlier_and_health_says_so() -> Result<()> {
    let (_cluster, mut client) = with_loader(swift()?, 1.0)?;
    client
        .execute("SELECT cache_configure('n', default_ttl => '5 seconds', refresh_ahead => '10 milliseconds')", &[])?;
    read(&mut client, "n:1")?;
    poll(PATIENCE, "three refreshes", || {
        ensure!(value::<String>(&mut client, "SELECT cache_get('n:1')::text")?.is_some(), "a reader found nothing");
        Ok(counter(&mut client, "refreshes")? >= 3)
    })?;
    let (status, text) = health(&mut client)?;
    ensure!(status == "warning" && text.contains("longer than refresh_ahead"), "{status}: {text}");
    Ok(())
}

#[test]
fn p7_where_nothing_can_be_refreshed_health_says_why() -> Result<()> {
    let off = |name: &str| -> Result<(String, String)> {
        let (_cluster, mut client) = with_loader(server()?.conf(name, "0"), 0.0)?;
        health(&mut client)
    };
    let (status, text) = off("cache_pg.max_loaders")?;
    ensure!(status == "warning" && text.contains("switched off"), "{status}: {text}");
    let (status, text) = off("cache_pg.recency_memory")?;
    ensure!(status == "critical" && text.contains("cache_pg.recency_memory"), "{status}: {text}");
    let (_cluster, mut client) = with_loader(server()?.preload(false), 0.0)?;
    let (status, text) = health(&mut client)?;
    ensure!(status == "critical" && text.contains("shared_preload_libraries"), "{status}: {text}");
    Ok(())
}
