//! Synchronous replication: what waits for the disk waits for the standby too, and nothing else does.

use std::thread;

use anyhow::{Context, Result, anyhow};
use cache_pg_server_tests::{PATIENCE, get, server};
use postgres::Client;
use xtask::cluster::{Cluster, poll};

/// How often to look for a commit that did not wait.
const TRIES: usize = 10;

/// A server whose synchronous standby is not there.
fn server_without_its_standby() -> Result<(Cluster, Client)> {
    let cluster = server()?
        .conf("synchronous_standby_names", "nobody")
        .conf("cache_pg.max_workers", "0")
        .conf("autovacuum", "off")
        .start()?;
    let mut client = cluster.connect("postgres")?;
    client.batch_execute(
        "SET synchronous_commit = local;
         CREATE EXTENSION cache_pg;
         CREATE TABLE orders (id int);
         SELECT cache_set('a', '1', tags => '{t}')",
    )?;
    Ok((cluster, client))
}

/// Whether the commit of a transaction waits for the standby. It is let go if it does.
fn waits_for_the_standby(cluster: &Cluster, observer: &mut Client, transaction: &str) -> Result<bool> {
    let mut client = cluster.connect("postgres")?;
    let pid: i32 = get(&mut client, "SELECT pg_backend_pid()")?;
    let waiting = format!("SELECT coalesce(wait_event = 'SyncRep', false) FROM pg_stat_activity WHERE pid = {pid}");
    thread::scope(|scope| {
        let at_work = scope.spawn(move || client.batch_execute(transaction).map(|()| client));
        let mut waits = false;
        poll(PATIENCE, "the transaction to end, or to wait for the standby", || {
            waits = !at_work.is_finished() && get::<bool>(observer, &waiting)?;
            Ok(waits || at_work.is_finished())
        })?;
        if waits {
            let cancelled: bool = get(observer, &format!("SELECT pg_cancel_backend({pid})"))?;
            cancelled.then_some(()).context("it was not let go")?;
        }
        // The connection lives until here: it is the waiting one.
        at_work.join().map_err(|_| anyhow!("the client panicked"))?.with_context(|| transaction.to_owned())?;
        Ok(waits)
    })
}

#[test]
fn what_may_be_forgotten_does_not_wait_for_a_synchronous_standby_and_everything_else_does() -> Result<()> {
    let (cluster, mut observer) = server_without_its_standby()?;
    for transaction in [
        "SELECT cache_set('a', '1')",
        "BEGIN; SELECT cache_set('a', '1', tags => '{t}'), cache_incr('n'), cache_touch('a'); COMMIT",
        "SELECT cache_get_or_set(gen_random_uuid()::text, 'SELECT count(*) FROM orders')",
        "SELECT key, cache_fill(key, '1', token) FROM (SELECT gen_random_uuid()::text AS key) AS k, cache_fetch(key)",
        "SET synchronous_commit = off; SELECT cache_delete('a')",
        "SET synchronous_commit = local; INSERT INTO orders VALUES (1)",
    ] {
        // A first look at a page of the catalogs may log it, and then the transaction waits like any other that wrote.
        let mut waits = true;
        for _ in 0..TRIES {
            waits = waits && waits_for_the_standby(&cluster, &mut observer, transaction)?;
        }
        assert!(!waits, "waits: {transaction}");
    }
    for transaction in [
        "INSERT INTO orders VALUES (1)",
        "BEGIN; SELECT cache_set('a', '1'); INSERT INTO orders VALUES (1); COMMIT",
        "BEGIN; INSERT INTO orders VALUES (1); SELECT cache_set('a', '1'); COMMIT",
        "SELECT cache_delete('a')",
        "BEGIN; SELECT cache_set('a', '1'), cache_delete('b'), cache_set('c', '1'); COMMIT",
        "SELECT cache_invalidate_tags('t')",
        "SELECT cache_clear('none')",
        "SET cache_pg.async_commit = off; SELECT cache_set('a', '1')",
    ] {
        assert!(waits_for_the_standby(&cluster, &mut observer, transaction)?, "does not wait: {transaction}");
    }
    Ok(())
}
