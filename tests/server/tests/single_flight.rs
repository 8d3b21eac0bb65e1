//! Many callers, one cold key: one computes, and the others get what it has computed; where it fails, they compute.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cache_pg_server_tests::{PATIENCE, create_extension, get, server, sqlstate, together_with};
use postgres::Client;
use postgres::error::SqlState;
use serde_json::{Value, json};
use xtask::cluster::{Cluster, poll, wait_for};

const CLIENTS: usize = 100;
/// How long the loader takes. Nothing is concluded from it: it lets all the others arrive.
const LOAD: Duration = Duration::from_millis(200);
const WAIT: &str = "40 seconds";

/// What `cache_fetch` has answered: value, stale, token.
type Fetched = (Option<Value>, bool, Option<String>);

/// A server on which no lease ends by itself, however long a loader takes on a busy machine.
fn patient() -> Result<(Cluster, Client)> {
    let cluster = server()?.conf("cache_pg.lease", "1h").start()?;
    let client = create_extension(&cluster, "postgres")?;
    Ok((cluster, client))
}

fn fetch(client: &mut Client, wait: &str) -> Result<Fetched> {
    let fetch = "SELECT found, value, stale, token FROM cache_fetch('n:k', $1::text::interval)";
    let row = client.query_one(fetch, &[&wait])?;
    let value: Option<Value> = row.try_get(1)?;
    ensure!(row.try_get::<_, bool>(0)? == value.is_some(), "found is not whether there is a value");
    Ok((value, row.try_get(2)?, row.try_get(3)?))
}

fn fill(client: &mut Client, value: &str, token: &str) -> Result<bool> {
    let fill = "SELECT cache_fill('n:k', to_jsonb($1::text), $2)";
    Ok(client.query_one(fill, &[&value, &token])?.try_get(0)?)
}

#[test]
fn a_hundred_fetches_of_a_cold_key_load_it_once() -> Result<()> {
    let (cluster, mut client) = patient()?;
    let loads = together_with(
        CLIENTS,
        |_| cluster.connect("postgres"),
        |_, mut client| {
            let (value, stale, token) = fetch(&mut client, WAIT)?;
            ensure!(!stale);
            let Some(token) = token else {
                ensure!(value == Some(json!("loaded")), "a waiter got {value:?}");
                return Ok(0);
            };
            ensure!(value.is_none());
            thread::sleep(LOAD);
            ensure!(fill(&mut client, "loaded", &token)?, "the only fill was refused");
            Ok(1)
        },
    )?;
    assert_eq!(loads.iter().sum::<i32>(), 1, "loads");
    assert!(get::<bool>(&mut client, "SELECT waits > 0 AND wait_ms > 0 FROM cache_stats WHERE namespace = 'n'")?);
    Ok(())
}

#[test]
fn when_the_loader_gives_up_one_of_those_who_wait_gets_the_token() -> Result<()> {
    let (cluster, _client) = patient()?;
    let given_up = AtomicUsize::new(0);
    let filled = together_with(
        20,
        |_| cluster.connect("postgres"),
        |_, mut client| {
            let (value, _, token) = fetch(&mut client, WAIT)?;
            let Some(token) = token else {
                ensure!(value == Some(json!("loaded")), "a waiter got {value:?}");
                return Ok(0);
            };
            thread::sleep(LOAD / 4);
            if given_up.fetch_add(1, Ordering::Relaxed) < 3 {
                let release = "SELECT cache_release('n:k', $1)";
                ensure!(client.query_one(release, &[&token])?.try_get::<_, bool>(0)?, "it was not released");
                return Ok(0);
            }
            ensure!(fill(&mut client, "loaded", &token)?, "the only fill was refused");
            Ok(1)
        },
    )?;
    assert_eq!(filled.iter().sum::<i32>(), 1, "fills");
    Ok(())
}

#[test]
fn with_a_stale_value_nobody_waits() -> Result<()> {
    let (cluster, mut client) = patient()?;
    client.batch_execute(
        "SELECT cache_configure('n', stale_for => '1 hour');
         SELECT cache_set('n:k', '\"stale\"', '1 millisecond')",
    )?;
    wait_for(&mut client, "SELECT cache_get('n:k') IS NULL", PATIENCE)?;
    let answered = AtomicUsize::new(0);
    let loads = together_with(
        CLIENTS,
        |_| cluster.connect("postgres"),
        |_, mut client| {
            let (value, stale, token) = fetch(&mut client, WAIT)?;
            // Who waited would have got the new value, and the loader waits for all.
            ensure!(stale && value == Some(json!("stale")), "it got {value:?}");
            answered.fetch_add(1, Ordering::Relaxed);
            let Some(token) = token else { return Ok(0) };
            poll(PATIENCE, "everybody to be answered", || Ok(answered.load(Ordering::Relaxed) == CLIENTS))?;
            ensure!(fill(&mut client, "loaded", &token)?, "the only fill was refused");
            Ok(1)
        },
    )?;
    assert_eq!(loads.iter().sum::<i32>(), 1, "loads");
    assert_eq!(fetch(&mut client, "0")?, (Some(json!("loaded")), false, None));
    Ok(())
}

#[test]
fn a_hundred_calls_of_get_or_set_for_a_cold_key_compute_it_once() -> Result<()> {
    let (cluster, mut client) = patient()?;
    client.batch_execute("CREATE SEQUENCE computed")?;
    let call = format!(
        "SELECT cache_get_or_set('n:k', 'SELECT to_jsonb(nextval(''computed'')) FROM pg_sleep({})')",
        LOAD.as_secs_f64()
    );
    let values =
        together_with(CLIENTS, |_| cluster.connect("postgres"), |_, mut client| get::<Value>(&mut client, &call))?;
    assert!(values.iter().all(|value| *value == json!(1)), "computed more than once: {values:?}");
    assert_eq!(get::<i64>(&mut client, "SELECT last_value FROM computed")?, 1);
    Ok(())
}

#[test]
fn the_error_of_a_loader_reaches_its_own_caller_only() -> Result<()> {
    let (cluster, mut client) = patient()?;
    client.batch_execute("CREATE SEQUENCE computed")?;
    // The first fails. All who wait for it are released, and may compute at the same time.
    let call = "SELECT cache_get_or_set('n:k', 'SELECT to_jsonb(1 / least(nextval(''computed'') - 1, 1)) FROM pg_sleep(0.05)')";
    let failed = together_with(
        20,
        |_| cluster.connect("postgres"),
        |_, mut client| match client.query_one(call, &[]) {
            Ok(row) => {
                ensure!(row.try_get::<_, Value>(0)? == json!(1));
                Ok(0)
            }
            failed => {
                ensure!(sqlstate(failed)? == SqlState::DIVISION_BY_ZERO);
                Ok(1)
            }
        },
    )?;
    assert_eq!(failed.iter().sum::<i32>(), 1, "callers with an error");
    Ok(())
}

/// A caller whose query never ends, and one who waits for it; then `end` ends the first. Its lease is longer than
/// anybody's patience: only a lease that is given back helps the second.
fn ends_early(end: &str) -> Result<()> {
    let (cluster, mut client) = patient()?;
    // What the second must not miss is over in a moment: it is tried often, each time with a key for which nothing is
    // known of how long computing takes (keys that differ in the last letter share nothing).
    for round in 'a'..='z' {
        let [first, second] = ["600", "0"]
            .map(|nap| format!("SELECT cache_get_or_set('{round}', 'SELECT ''{nap}''::jsonb FROM pg_sleep({nap})')"));
        thread::scope(|scope| {
            let mut connection = cluster.connect("postgres")?;
            let pid: i32 = get(&mut connection, "SELECT pg_backend_pid()")?;
            let failed = scope.spawn(move || connection.query_one(&first, &[]).err());
            waits_for(&mut client, pid, "PgSleep")?;
            let mut connection = cluster.connect("postgres")?;
            connection.batch_execute(&format!("SET statement_timeout = {}", PATIENCE.as_millis()))?;
            let waiter: i32 = get(&mut connection, "SELECT pg_backend_pid()")?;
            let found = scope.spawn(move || get::<Value>(&mut connection, &second));
            waits_for(&mut client, waiter, "")?;
            client.batch_execute(&format!("SELECT {end}({pid})"))?;
            let found = found.join().ok().context("the second panicked")?;
            let found = found.with_context(|| format!("the second, in round {round}"))?;
            ensure!(found == json!(0), "the second got {found}");
            ensure!(failed.join().ok().context("the first panicked")?.is_some(), "the first was not ended");
            Ok(())
        })?;
    }
    Ok(())
}

/// Somebody calls `call` while a transaction that has done `held` is open, and then `ends` are executed.
fn is_woken_after(cluster: &Cluster, held: &str, ends: &[&str], call: &str) -> Result<()> {
    let mut holder = cluster.connect("postgres")?;
    holder.batch_execute(&format!("BEGIN; {held}"))?;
    let mut watcher = cluster.connect("postgres")?;
    thread::scope(|scope| {
        let mut waiter = cluster.connect("postgres")?;
        waiter.batch_execute(&format!("SET statement_timeout = {}", PATIENCE.as_millis()))?;
        let pid: i32 = get(&mut waiter, "SELECT pg_backend_pid()")?;
        let waiter = scope.spawn(move || waiter.batch_execute(call));
        // It may also have decided not to wait.
        let settled = format!(
            "SELECT NOT EXISTS (
                 SELECT FROM pg_stat_activity
                 WHERE pid = {pid} AND NOT (
                     (query LIKE '%10 minutes%' OR query LIKE '%cache_get_or_set%')
                     AND (wait_event IS NOT NULL OR state = 'idle')))"
        );
        wait_for(&mut watcher, &settled, PATIENCE)?;
        ends.iter().try_for_each(|end| holder.batch_execute(end))?;
        waiter.join().ok().context("the waiter panicked")?.with_context(|| format!("{call} after {held}, {ends:?}"))
    })
}

/// The same for each of these, and each call that waits, with keys of entries that an invalidated tag has made misses.
fn each_is_woken_after(cluster: &Cluster, held: &[&str], ends: &[&[&str]]) -> Result<()> {
    let mut client = create_extension(cluster, "postgres")?;
    let mut round = 0;
    for held in held {
        for ends in ends {
            for call in ["cache_fetch('n:k', '10 minutes')", "cache_get_or_set('n:k', 'SELECT ''1''::jsonb')"] {
                round += 1;
                let [held, call] = [held, call].map(|call| call.replace("n:k", &format!("n:{round}")));
                client.execute("SELECT cache_set('n:' || $1::int4, '1', tags => '{tag}')", &[&round])?;
                client.batch_execute("SELECT cache_invalidate_tags('tag')")?;
                is_woken_after(cluster, &held, ends, &format!("SELECT {call}"))?;
            }
        }
    }
    Ok(())
}

#[test]
fn whoever_waits_for_a_key_is_woken_by_the_end_of_what_is_done_to_it() -> Result<()> {
    // Without being woken nobody looks again within a hundredth of a lease.
    let cluster = server()?.conf("cache_pg.lease", "1d").conf("cache_pg.max_workers", "0").start()?;
    let held = [
        "SELECT cache_delete('n:k')",
        "SELECT cache_delete_many('{n:k}')",
        "SELECT cache_set('n:k', '1')",
        "SELECT cache_incr('n:k')",
        "SELECT cache_sweep()",
        // The only one that is waited for until it ends: a value was computed.
        "SELECT cache_get_or_set('n:k', 'SELECT ''2''::jsonb')",
    ];
    each_is_woken_after(&cluster, &held, &[&["COMMIT"], &["ROLLBACK"]])
}

#[test]
fn whoever_waits_for_a_row_looks_again_where_its_holder_wakes_nobody() -> Result<()> {
    // A lease of more than the patience: nobody gives up without another look.
    let cluster = server()?
        .conf("cache_pg.lease", "100s")
        .conf("cache_pg.max_workers", "0")
        .conf("max_prepared_transactions", "1")
        .start()?;
    let held = [
        "DELETE FROM cache_entries WHERE key = 'n:k'",
        "UPDATE cache_entries SET value = '2' WHERE key = 'n:k'",
        // The only one that is waited for until it ends: a value was computed.
        "UPDATE cache_entries SET value = '2', load_us = 1 WHERE key = 'n:k'",
    ];
    let by_another = ["PREPARE TRANSACTION 'one'", "COMMIT PREPARED 'one'"];
    each_is_woken_after(&cluster, &held, &[&["COMMIT"], &["ROLLBACK"], &by_another])
}

/// Waits until the session `pid` waits for `event` while it runs `cache_get_or_set`; any event when empty.
fn waits_for(client: &mut Client, pid: i32, event: &str) -> Result<()> {
    let waits = format!(
        "SELECT state = 'active' AND query LIKE '%cache_get_or_set%' AND wait_event LIKE '{event}%'
         FROM pg_stat_activity WHERE pid = {pid}"
    );
    wait_for(client, &waits, PATIENCE)
}

#[test]
fn the_lease_of_a_loader_that_is_cancelled_goes_back() -> Result<()> {
    ends_early("pg_cancel_backend")
}

#[test]
fn the_lease_of_a_loader_that_is_terminated_goes_back() -> Result<()> {
    ends_early("pg_terminate_backend")
}
