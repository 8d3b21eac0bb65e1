//! Which transactions wait for the disk, seen from how far the WAL is flushed when the commit returns.

use anyhow::Result;
use cache_pg_server_tests::server;
use postgres::Client;
use xtask::cluster::Cluster;

/// How often to look for a commit that did not wait: the WAL writer may happen to flush at the same moment.
const TRIES: usize = 30;

/// A server on which nobody but the test flushes the WAL.
fn quiet_server() -> Result<(Cluster, Client)> {
    let cluster = server()?
        .conf("wal_writer_delay", "10s")
        .conf("autovacuum", "off")
        .conf("checkpoint_timeout", "1h")
        .conf("cache_pg.max_workers", "0")
        .conf("max_prepared_transactions", "4")
        .start()?;
    let mut client = cluster.connect("postgres")?;
    client.batch_execute(
        "CREATE EXTENSION cache_pg;
         CREATE TABLE orders (id int);
         CREATE FUNCTION order_too() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN INSERT INTO orders VALUES (0); RETURN NULL; END';
         SELECT cache_set('warm', '1');",
    )?;
    Ok((cluster, client))
}

/// Whether everything that the transaction wrote was on disk when its commit returned.
fn waited(client: &mut Client, transaction: &str) -> Result<bool> {
    client.batch_execute("BEGIN")?;
    client.batch_execute(transaction)?;
    let written: String = client.query_one("SELECT pg_current_wal_insert_lsn()::text", &[])?.get(0);
    client.batch_execute("COMMIT")?;
    let flushed = format!("SELECT pg_current_wal_flush_lsn() >= '{written}'");
    Ok(client.query_one(&flushed, &[])?.get(0))
}

fn always_waits(client: &mut Client, transaction: &str) -> Result<bool> {
    for _ in 0..TRIES {
        if !waited(client, transaction)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[test]
fn what_may_be_forgotten_does_not_wait_and_everything_else_does() -> Result<()> {
    let (_cluster, mut client) = quiet_server()?;
    for transaction in [
        "SELECT cache_set('a', '1')",
        "SELECT cache_set('a', '1'); SELECT cache_incr('n'); SELECT cache_touch('a'); SELECT cache_add('b', '1')",
        "SELECT cache_set_many('{\"a\": 1, \"b\": 2}'); SELECT cache_replace('a', '2')",
        "SAVEPOINT s; SELECT cache_set('a', '1'); RELEASE s; SELECT cache_set('a', '2')",
        "SELECT cache_try_set('a', '1')",
    ] {
        assert!(!always_waits(&mut client, transaction)?, "waited for the disk: {transaction}");
    }
    for transaction in [
        "SELECT cache_delete('a')",
        "SELECT cache_delete('nothing')",
        "SELECT cache_set('a', '1'); SELECT cache_delete('b')",
        "SELECT cache_delete('b'); SELECT cache_set('a', '1')",
        "SELECT cache_take('a'); SELECT cache_set('a', '1')",
        "SELECT cache_clear('none'); SELECT cache_delete_many('{a}')",
        "INSERT INTO orders VALUES (1); SELECT cache_set('a', '1')",
        "SELECT cache_set('a', '1'); INSERT INTO orders VALUES (1)",
        "SELECT cache_set('a', '1'); SAVEPOINT s; INSERT INTO orders VALUES (1); RELEASE s; SELECT cache_set('a', '2')",
        "SET LOCAL cache_pg.async_commit = off; SELECT cache_set('a', '1')",
    ] {
        assert!(always_waits(&mut client, transaction)?, "did not wait for the disk: {transaction}");
    }
    Ok(())
}

#[test]
fn a_trigger_on_the_table_keeps_its_durability() -> Result<()> {
    let (_cluster, mut client) = quiet_server()?;
    client.batch_execute(
        "CREATE TRIGGER order_too AFTER INSERT OR UPDATE ON cache_entries FOR EACH STATEMENT EXECUTE FUNCTION order_too()",
    )?;
    assert!(always_waits(&mut client, "SELECT cache_set('a', '1')")?);
    Ok(())
}

#[test]
fn a_deferred_trigger_of_the_caller_keeps_its_durability() -> Result<()> {
    let (_cluster, mut client) = quiet_server()?;
    client.batch_execute(
        "CREATE TABLE drafts (id int);
         CREATE CONSTRAINT TRIGGER order_too AFTER INSERT ON drafts DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION order_too()",
    )?;
    assert!(always_waits(&mut client, "INSERT INTO drafts VALUES (1); SELECT cache_set('a', '1')")?);
    Ok(())
}

#[test]
fn a_prepared_transaction_is_on_disk_when_it_is_prepared() -> Result<()> {
    let (cluster, mut client) = quiet_server()?;
    client.batch_execute("BEGIN; SELECT cache_set('prepared', '1'); PREPARE TRANSACTION 'p'")?;
    cluster.kill9()?;
    cluster.start()?;
    let mut client = cluster.connect("postgres")?;
    client.batch_execute("COMMIT PREPARED 'p'")?;
    let value: Option<serde_json::Value> = client.query_one("SELECT cache_get('prepared')", &[])?.get(0);
    assert_eq!(value, Some(1.into()));
    Ok(())
}

#[test]
fn p2_a_crash_forgets_no_acknowledged_delete() -> Result<()> {
    let (cluster, mut client) = quiet_server()?;
    for round in 0..5 {
        client.batch_execute(
            "SELECT cache_set_many((SELECT jsonb_object_agg('k:' || i, 1) FROM generate_series(1, 50) i))",
        )?;
        client.batch_execute("CHECKPOINT")?;
        for i in 1..=50 {
            client.execute("SELECT cache_delete($1)", &[&format!("k:{i}")])?;
            client.execute("SELECT cache_set($1, '1')", &[&format!("other:{i}")])?;
        }
        cluster.kill9()?;
        cluster.start()?;
        client = cluster.connect("postgres")?;
        let back: i64 = client.query_one("SELECT count(*) FROM cache_keys('k')", &[])?.get(0);
        assert_eq!(back, 0, "deleted entries came back in round {round}");
    }
    Ok(())
}
