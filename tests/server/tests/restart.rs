//! Restarts and crashes: what was promised to be kept is there, and everything goes on.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::SystemTime;

use anyhow::{Context, Result};
use cache_pg_server_tests::{
    PATIENCE, create_extension, every_verb_works, get, launcher, or_stop, rows, server, swept, swift_server,
    together_with, value, with_extension, write_expired,
};
use postgres::Client;
use postgres::error::SqlState;
use xtask::cluster::{Cluster, StopMode, poll, wait_for};

#[test]
fn a_restart_keeps_entries_deadlines_and_namespaces() -> Result<()> {
    let (cluster, mut client) = with_extension()?;
    client.batch_execute(
        "SELECT cache_set('n:long', '{\"a\": [1, null]}', '1 day', '{tag}');
         SELECT cache_set('n:default', 'null');
         SELECT cache_set('short', '1', '1 second');
         SELECT cache_delete('deleted');
         SELECT cache_configure('n', default_ttl => '3 hours', stale_for => '1 minute', jitter => 0.5)",
    )?;
    let state = "SELECT (SELECT jsonb_agg(e ORDER BY key) FROM cache_entries AS e WHERE key LIKE 'n:%')
                        || (SELECT jsonb_agg(n) FROM cache_namespaces AS n)";
    let before: serde_json::Value = get(&mut client, state)?;
    assert_eq!(before.as_array().map(Vec::len), Some(3), "{before}");
    cluster.restart()?;
    let mut client = cluster.connect("postgres")?;
    assert_eq!(get::<serde_json::Value>(&mut client, state)?, before);
    assert!(get::<bool>(&mut client, "SELECT cache_get('n:default') = 'null'")?);
    assert!(get::<bool>(&mut client, "SELECT cache_ttl('n:long') BETWEEN '23 hours' AND '1 day'")?);
    let remaining = "SELECT cache_set('n:new', '1') BETWEEN now() + '1 hour' AND now() + '3 hours'";
    assert!(get::<bool>(&mut client, remaining)?);
    wait_for(&mut client, "SELECT cache_get('short') IS NULL", PATIENCE)
}

#[test]
fn a_deadline_that_comes_while_the_server_is_down_is_kept() -> Result<()> {
    let cluster = swift_server()?.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    let deadline: SystemTime = get(&mut client, "SELECT cache_set('k', '1', '500 milliseconds')")?;
    cluster.stop(StopMode::Fast)?;
    poll(PATIENCE, "the deadline", || Ok(SystemTime::now() > deadline))?;
    cluster.start()?;
    let mut client = cluster.connect("postgres")?;
    assert_eq!(value::<serde_json::Value>(&mut client, "SELECT cache_get('k')")?, None);
    swept(&mut client)
}

/// What the server has acknowledged to the clients.
#[derive(Default)]
struct Acknowledged {
    /// Set together with a row of a table of their own, so that the commit waited for the disk.
    set: BTreeSet<String>,
    deleted: BTreeSet<String>,
}

/// Sets and deletes until the connection breaks.
fn load(client: &mut Client, number: usize, acknowledged: &Mutex<Acknowledged>) -> Result<(), postgres::Error> {
    let lock = || acknowledged.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for step in 0.. {
        let (kept, deleted) = (format!("kept:{number}:{step}"), format!("deleted:{number}:{step}"));
        let mut transaction = client.transaction()?;
        transaction.execute("SELECT cache_set($1, to_jsonb($1::text), '1 day'::text)", &[&kept])?;
        transaction.execute("SELECT cache_set($1, '1', '1 day'::text)", &[&deleted])?;
        transaction.execute("INSERT INTO orders VALUES ($1)", &[&kept])?;
        transaction.commit()?;
        lock().set.insert(kept);
        client.execute("SELECT cache_delete($1)", &[&deleted])?;
        lock().deleted.insert(deleted);
        client.execute("SELECT cache_set('short:' || $1::text, '1', '1 millisecond')", &[&step.to_string()])?;
    }
    Ok(())
}

/// Rows of entries that will not be removed in an hour do not count.
fn sweeping_goes_on(client: &mut Client) -> Result<()> {
    launcher(client)?;
    write_expired(client, 100)?;
    wait_for(
        client,
        "SELECT NOT EXISTS (SELECT FROM cache_entries WHERE expires_at < now() - interval '1 minute')",
        PATIENCE,
    )?;
    wait_for(client, "SELECT NOT EXISTS (SELECT FROM cache_entries WHERE key = 'wake')", PATIENCE)
}

fn crash_under_load(crash: impl Fn(&Cluster) -> Result<()> + Sync) -> Result<()> {
    const CLIENTS: usize = 4;
    let cluster = swift_server()?.start()?;
    create_extension(&cluster, "postgres")?.batch_execute("CREATE TABLE orders (key text)")?;
    let acknowledged = Mutex::new(Acknowledged::default());
    together_with(
        CLIENTS + 1,
        |_| cluster.connect("postgres"),
        |number, mut client| {
            if number < CLIENTS {
                let error = load(&mut client, number, &acknowledged).err().context("a client was not disturbed")?;
                // Its connection broke, or it was told that another one's process has crashed.
                let crashed = error.code().is_none_or(|code| *code == SqlState::CRASH_SHUTDOWN);
                return if crashed { Ok(()) } else { Err(error.into()) };
            }
            let crashed = wait_for(&mut client, "SELECT count(*) > 400 FROM orders", PATIENCE).and_then(|()| {
                drop(client);
                crash(&cluster)
            });
            or_stop(&cluster, crashed)
        },
    )?;
    let mut client = None;
    poll(PATIENCE, "the server to let clients in", || {
        client = cluster.connect("postgres").ok();
        Ok(client.is_some())
    })?;
    let mut client = client.context("no connection")?;
    let acknowledged = acknowledged.into_inner()?;
    assert!(acknowledged.set.len() >= 400 && !acknowledged.deleted.is_empty());
    let live: BTreeSet<String> =
        client.query("SELECT cache_keys(max_keys => 1000000)", &[])?.iter().map(|row| row.get(0)).collect();
    let lost: Vec<_> = acknowledged.set.difference(&live).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let back: Vec<_> = acknowledged.deleted.intersection(&live).collect();
    assert!(back.is_empty(), "deleted, and there again: {back:?}");
    let half: i64 =
        get(&mut client, "SELECT count(*) FROM orders WHERE cache_get(key) IS DISTINCT FROM to_jsonb(key)")?;
    assert_eq!(half, 0, "orders without the entries of their transaction");
    every_verb_works(&mut client)?;
    sweeping_goes_on(&mut client)?;
    assert_ne!(rows(&mut client)?, 0);
    Ok(())
}

#[test]
fn a_crash_of_the_server_loses_nothing_that_was_promised() -> Result<()> {
    crash_under_load(|cluster| {
        cluster.kill9()?;
        cluster.start()
    })
}

#[test]
fn a_crash_of_one_connection_loses_nothing_that_was_promised() -> Result<()> {
    crash_under_load(|cluster| {
        // Whichever is at work, and be it on a commit: one that is idle may be about to leave, which is no crash.
        let at_work = "SELECT max(pid) FROM pg_stat_activity
                       WHERE backend_type = 'client backend' AND state = 'active' AND pid <> pg_backend_pid()";
        let (mut client, mut victim) = (cluster.connect("postgres")?, None);
        poll(PATIENCE, "a connection that is at work", || {
            victim = value(&mut client, at_work)?;
            Ok(victim.is_some())
        })?;
        cluster.crash_backend(victim.context("no connection")?)
    })
}

#[test]
fn a_crash_of_the_worker_itself_is_survived() -> Result<()> {
    let cluster = swift_server()?.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    let before = launcher(&mut client)?;
    cluster.crash_backend(before)?;
    poll(PATIENCE, "the server to come back", || {
        Ok(cluster.connect("postgres").is_ok_and(|found| {
            client = found;
            launcher(&mut client).is_ok_and(|pid| pid != before)
        }))
    })?;
    sweeping_goes_on(&mut client)
}

#[test]
fn p2_a_token_is_of_no_use_after_a_crash_that_the_server_survives_also_without_preload() -> Result<()> {
    for preload in [true, false] {
        let cluster = server()?.preload(preload).start()?;
        let mut client = create_extension(&cluster, "postgres")?;
        let token: String = get(&mut client, "SELECT token FROM cache_fetch('k')")?;
        // A commit that waits for the disk takes the lease with it; what was computed might rest on one that did not.
        client.batch_execute("CREATE TABLE flushed ()")?;
        let mut victim = cluster.connect("postgres")?;
        cluster.crash_backend(get(&mut victim, "SELECT pg_backend_pid()")?)?;
        poll(PATIENCE, "the server to notice", || Ok(client.batch_execute("").is_err()))?;
        poll(PATIENCE, "the server to let clients in", || {
            Ok(cluster.connect("postgres").is_ok_and(|found| {
                client = found;
                true
            }))
        })?;
        let filled = client.query_one("SELECT cache_fill('k', '1', $1)", &[&token])?;
        assert!(!filled.try_get::<_, bool>(0)?, "preloaded: {preload}");
    }
    Ok(())
}
