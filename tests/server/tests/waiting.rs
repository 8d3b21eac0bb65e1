//! Callers wait for somebody who computes the value, for as long as computing takes, and for nothing else.
//!
//! A lease lasts an hour here: a caller that waited for one would meet its `statement_timeout`.

use std::thread;

use anyhow::{Context, Result, ensure};
use cache_pg_server_tests::{PATIENCE, create_extension, get, server, sqlstate};
use postgres::Client;
use postgres::error::SqlState;
use serde_json::{Value, json};
use xtask::cluster::{Cluster, wait_for};

fn with_long_leases() -> Result<(Cluster, Client)> {
    let cluster = server()?.conf("cache_pg.lease", "1h").conf("cache_pg.max_workers", "0").start()?;
    let client = create_extension(&cluster, "postgres")?;
    Ok((cluster, client))
}

/// A connection that does not wait for longer than the tests do.
fn impatient(cluster: &Cluster) -> Result<Client> {
    let mut client = cluster.connect("postgres")?;
    client.batch_execute(&format!("SET statement_timeout = {}", PATIENCE.as_millis()))?;
    Ok(client)
}

/// From now on everything goes the way of the executor.
fn force_executor(client: &mut Client) -> Result<()> {
    client.batch_execute(
        "CREATE FUNCTION idle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER idle AFTER TRUNCATE ON cache_entries FOR EACH STATEMENT EXECUTE FUNCTION idle()",
    )?;
    Ok(())
}

fn compute_beside_holders(through_executor: bool) -> Result<()> {
    let (cluster, mut client) = with_long_leases()?;
    if through_executor {
        force_executor(&mut client)?;
    }
    let mut other = impatient(&cluster)?;
    for held in [
        "SELECT cache_delete('n:k')",
        "SELECT cache_clear('n')",
        "DELETE FROM cache_entries",
        "UPDATE cache_entries SET value = '2'",
        "SELECT cache_set('n:k', '2')",
        "SELECT cache_invalidate_tags('t'); SELECT cache_sweep()",
        "SELECT FROM cache_entries FOR UPDATE",
    ] {
        client.batch_execute("SELECT cache_set('n:k', '1', tags => '{t}'), cache_invalidate_tags('t')")?;
        client.batch_execute(&format!("BEGIN; {held}"))?;
        let computed = get::<Value>(&mut other, "SELECT cache_get_or_set('n:k', 'SELECT ''\"mine\"''::jsonb')");
        ensure!(computed.with_context(|| format!("beside {held}"))? == json!("mine"), "beside {held}");
        let fetched = other.query_one("SELECT value, token FROM cache_fetch('n:k', '10 minutes')", &[]);
        let fetched = fetched.with_context(|| format!("a fetch beside {held}"))?;
        let (value, token): (Option<Value>, Option<String>) = (fetched.get(0), fetched.get(1));
        ensure!(value.is_none() && token.is_none(), "a fetch beside {held} got {value:?}, {token:?}");
        client.batch_execute("ROLLBACK")?;
    }
    Ok(())
}

#[test]
fn nobody_waits_for_a_transaction_that_holds_the_row_and_computes_nothing() -> Result<()> {
    compute_beside_holders(false)
}

#[test]
fn nobody_waits_for_such_a_transaction_through_the_executor() -> Result<()> {
    compute_beside_holders(true)
}

/// The loader of the first caller waits for the lock 1, and fails; those of all others wait for the lock 2.
#[test]
fn an_error_of_a_loader_releases_all_who_wait_at_once() -> Result<()> {
    const OTHERS: i64 = 7;
    let (cluster, mut client) = with_long_leases()?;
    client.batch_execute(
        "CREATE SEQUENCE calls;
         CREATE FUNCTION compute() RETURNS jsonb LANGUAGE plpgsql AS $$
         BEGIN
             IF nextval('calls') = 1 THEN
                 PERFORM pg_advisory_lock_shared(1);
                 RAISE division_by_zero;
             END IF;
             PERFORM pg_advisory_lock_shared(2);
             RETURN '1';
         END $$;
         SELECT pg_advisory_lock(1), pg_advisory_lock(2)",
    )?;
    let call = "SELECT cache_get_or_set('n:k', 'SELECT compute()')";
    let waiting = |on: &str, count: i64| {
        format!("SELECT count(*) = {count} FROM pg_stat_activity WHERE query LIKE '%compute()%' AND {on}")
    };
    let on_a_lock = "wait_event = 'advisory' AND pid <> pg_backend_pid()";
    let on_the_first = "wait_event IN ('Extension', 'CacheFill') AND pid <> pg_backend_pid()";
    thread::scope(|scope| {
        let mut first = impatient(&cluster)?;
        let first = scope.spawn(move || first.query_one(call, &[]));
        wait_for(&mut client, &waiting(on_a_lock, 1), PATIENCE)?;
        let others = (0..OTHERS).map(|_| {
            let mut other = impatient(&cluster)?;
            Ok(scope.spawn(move || get::<Value>(&mut other, call)))
        });
        let others = others.collect::<Result<Vec<_>>>()?;
        wait_for(&mut client, &waiting(on_the_first, OTHERS), PATIENCE)?;
        client.batch_execute("SELECT pg_advisory_unlock(1)")?;
        // One after another, there would never be more than one.
        let released = wait_for(&mut client, &waiting(on_a_lock, OTHERS), PATIENCE);
        client.batch_execute("SELECT pg_advisory_unlock(2)")?;
        released?;
        ensure!(sqlstate(first.join().ok().context("the first panicked")?)? == SqlState::DIVISION_BY_ZERO);
        for other in others {
            ensure!(other.join().ok().context("one panicked")?? == json!(1));
        }
        Ok(())
    })
}

#[test]
fn what_comes_of_other_keys_releases_nobody() -> Result<()> {
    let (cluster, mut client) = with_long_leases()?;
    client.batch_execute(
        "CREATE SEQUENCE calls;
         CREATE FUNCTION compute() RETURNS jsonb LANGUAGE sql AS
             'SELECT to_jsonb(nextval(''calls'')) FROM pg_advisory_lock_shared(1)';
         SELECT pg_advisory_lock(1)",
    )?;
    let call = "SELECT cache_get_or_set('n:k', 'SELECT compute()')";
    let waiting =
        |on: &str| format!("SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%compute()%' AND {on}");
    thread::scope(|scope| {
        let mut first = impatient(&cluster)?;
        let first = scope.spawn(move || get::<Value>(&mut first, call));
        wait_for(&mut client, &waiting("wait_event = 'advisory'"), PATIENCE)?;
        let mut second = impatient(&cluster)?;
        let second = scope.spawn(move || get::<Value>(&mut second, call));
        wait_for(&mut client, &waiting("wait_event IN ('Extension', 'CacheFill')"), PATIENCE)?;
        client.batch_execute(
            "SELECT count(cache_get_or_set('other:' || i, 'SELECT NULL::jsonb')) FROM generate_series(1, 400) AS i",
        )?;
        client.batch_execute("SELECT pg_advisory_unlock(1)")?;
        for caller in [first, second] {
            ensure!(caller.join().ok().context("one panicked")?? == json!(1), "it was computed twice");
        }
        Ok(())
    })
}

#[test]
fn nobody_waits_for_longer_than_computing_took_lately() -> Result<()> {
    let (cluster, mut client) = with_long_leases()?;
    let quick = "SELECT cache_get_or_set('n:k', 'SELECT ''1''::jsonb')";
    client.batch_execute(quick)?;
    client.batch_execute("SELECT cache_delete('n:k')")?;
    let mut stuck = cluster.connect("postgres")?;
    let pid: i32 = get(&mut stuck, "SELECT pg_backend_pid()")?;
    thread::scope(|scope| {
        let slow = "SELECT cache_get_or_set('n:k', 'SELECT ''2''::jsonb FROM pg_sleep(600)')";
        let stuck = scope.spawn(move || stuck.batch_execute(slow).err());
        let sleeps = format!("SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = {pid}");
        wait_for(&mut client, &sleeps, PATIENCE)?;
        let computed = get::<Value>(&mut impatient(&cluster)?, quick);
        client.execute("SELECT pg_cancel_backend($1)", &[&pid])?;
        ensure!(computed.context("beside a loader that is stuck")? == json!(1));
        ensure!(stuck.join().ok().context("the first panicked")?.is_some(), "the first was not cancelled");
        Ok(())
    })?;
    // The same beside somebody who computes outside.
    client.batch_execute("SELECT cache_delete('n:k')")?;
    let token: Option<String> = get(&mut client, "SELECT token FROM cache_fetch('n:k')")?;
    ensure!(token.is_some(), "there was no token");
    ensure!(get::<Value>(&mut impatient(&cluster)?, quick).context("beside a lease")? == json!(1));
    Ok(())
}
