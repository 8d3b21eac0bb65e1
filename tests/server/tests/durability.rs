//! Which transactions wait for the disk, seen from how far the WAL is flushed when the commit returns.

use anyhow::Result;
use cache_pg_server_tests::{get, server};
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
         CREATE UNLOGGED TABLE drafts (id int);
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
    let written: String = get(client, "SELECT pg_current_wal_insert_lsn()::text")?;
    client.batch_execute("COMMIT")?;
    let flushed = format!("SELECT pg_current_wal_flush_lsn() >= '{written}'");
    get(client, &flushed)
}

fn always_waits(client: &mut Client, transaction: &str) -> Result<bool> {
    for _ in 0..TRIES {
        if !waited(client, transaction)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn all_may_be_forgotten(client: &mut Client, transactions: &[&str]) -> Result<()> {
    for transaction in transactions {
        assert!(!always_waits(client, transaction)?, "waited for the disk: {transaction}");
    }
    Ok(())
}

fn all_wait(client: &mut Client, transactions: &[&str]) -> Result<()> {
    for transaction in transactions {
        assert!(always_waits(client, transaction)?, "did not wait for the disk: {transaction}");
    }
    Ok(())
}

#[test]
fn what_may_be_forgotten_does_not_wait() -> Result<()> {
    let (_cluster, mut client) = quiet_server()?;
    let transactions = [
        "SELECT cache_set('a', '1')",
        "SELECT cache_set('a', '1'); SELECT cache_incr('n'); SELECT cache_touch('a'); SELECT cache_add('b', '1')",
        "SELECT cache_set_many('{\"a\": 1, \"b\": 2}'); SELECT cache_replace('a', '2')",
        "SELECT cache_cas('a', '3', (SELECT version FROM cache_entry('a')))",
        "SAVEPOINT s; SELECT cache_set('a', '1'); RELEASE s; SELECT cache_set('a', '2')",
        "SELECT cache_try_set('a', '1')",
        "SELECT cache_set('a', '1', tags => '{t,u}')",
        "SELECT cache_set('a', '1') FROM generate_series(1, 10)",
        "SELECT cache_fetch(gen_random_uuid()::text)",
        "SELECT key, cache_release(key, token) FROM (SELECT gen_random_uuid()::text AS key) AS k, cache_fetch(key)",
        "SELECT key, cache_fill(key, '1', token) FROM (SELECT gen_random_uuid()::text AS key) AS k, cache_fetch(key)",
        "SELECT cache_get_or_set(gen_random_uuid()::text, 'SELECT count(*) FROM orders')",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT cache_set('a', '1'), cache_fetch(gen_random_uuid()::text)",
        // New pages of the table, its index and its TOAST table.
        "SELECT cache_set_many((SELECT jsonb_object_agg(gen_random_uuid(), repeat(md5(random()::text), 200))
                                FROM generate_series(1, 100)))",
        "INSERT INTO drafts VALUES (1); SELECT cache_set('a', '1')",
    ];
    all_may_be_forgotten(&mut client, &transactions)?;
    client.batch_execute("SET cache_pg.async_commit = off")?;
    all_wait(&mut client, &transactions)
}

#[test]
fn what_deletes_or_invalidates_waits() -> Result<()> {
    let (_cluster, mut client) = quiet_server()?;
    all_wait(
        &mut client,
        &[
            "SELECT cache_delete('a')",
            "SELECT cache_delete('nothing')",
            "SELECT cache_set('a', '1'); SELECT cache_delete('b')",
            "SELECT cache_delete('b'); SELECT cache_set('a', '1')",
            "SELECT cache_set('a', '1'), cache_delete('b'), cache_set('c', '1')",
            "SAVEPOINT s; SELECT cache_delete('b'); RELEASE s; SELECT cache_set('a', '1')",
            "SELECT cache_take('a'); SELECT cache_set('a', '1')",
            "SELECT cache_delete_many('{a}')",
            "SELECT cache_clear('none')",
            "SELECT cache_clear()",
            "SELECT cache_invalidate_tags('t')",
            "SELECT cache_invalidate_tags(gen_random_uuid()::text); SELECT cache_set('a', '1', tags => '{t}')",
            "SELECT cache_set('a', '1', tags => '{t}'), cache_invalidate_tags('t'), cache_incr('n')",
        ],
    )
}

#[test]
fn p5_what_the_caller_writes_waits_before_and_after_and_in_between() -> Result<()> {
    let (_cluster, mut client) = quiet_server()?;
    client.batch_execute(
        "INSERT INTO orders VALUES (7);
         CREATE FUNCTION loaded(key text) RETURNS jsonb LANGUAGE plpgsql AS
         'BEGIN INSERT INTO orders VALUES (0); RETURN 1; END'",
    )?;
    all_wait(
        &mut client,
        &[
            "INSERT INTO orders VALUES (1); SELECT cache_set('a', '1')",
            "SELECT cache_set('a', '1'); INSERT INTO orders VALUES (1)",
            "SELECT cache_set('a', '1'); INSERT INTO orders VALUES (1); SELECT cache_set('b', '1')",
            "WITH o AS (INSERT INTO orders VALUES (1) RETURNING id) SELECT cache_set('a', to_jsonb(id)) FROM o",
            "INSERT INTO orders SELECT i FROM generate_series(1, 3) AS i WHERE cache_set('k:' || i, '1') IS NOT NULL",
            "SELECT cache_set('a', '1'), loaded(''), cache_set('b', '1')",
            "SELECT cache_set('a', '1') FROM orders WHERE id = 7 FOR UPDATE",
            "SELECT cache_set('a', '1'), pg_logical_emit_message(true, 'of', 'the caller')",
            "SELECT cache_set('a', '1'); CREATE TEMPORARY TABLE t (id int) ON COMMIT DROP",
            "SELECT cache_set('a', '1'); SAVEPOINT s; INSERT INTO orders VALUES (1); RELEASE s; SELECT cache_set('a', '2')",
            "SAVEPOINT s; SELECT cache_set('a', '1'); ROLLBACK TO s; INSERT INTO orders VALUES (1)",
            "INSERT INTO orders VALUES (1); SAVEPOINT s; SELECT cache_set('a', '1'); ROLLBACK TO s",
            "INSERT INTO orders VALUES (1); SELECT cache_try_set('a', '1', 'no interval'), cache_set('a', '1')",
            // What computes a value is the caller's.
            "SELECT cache_get_or_set(gen_random_uuid()::text, $$SELECT loaded('')$$)",
            "SELECT cache_set('a', '1'), cache_get_or_set(gen_random_uuid()::text, $$SELECT loaded('')$$), cache_set('b', '1')",
            "SET LOCAL cache_pg.async_commit = off; SELECT cache_set('a', '1');
             SET LOCAL cache_pg.async_commit = on; SELECT cache_set('a', '2')",
        ],
    )
}

#[test]
fn a_trigger_that_sets_is_as_durable_as_what_fires_it() -> Result<()> {
    let (_cluster, mut client) = quiet_server()?;
    client.batch_execute(
        "CREATE FUNCTION set_too() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN PERFORM cache_set(''a'', ''1''); RETURN NEW; END';
         CREATE TABLE logged (id int); CREATE UNLOGGED TABLE unlogged (id int);
         CREATE TRIGGER before BEFORE INSERT ON logged FOR EACH ROW EXECUTE FUNCTION set_too();
         CREATE TRIGGER after AFTER INSERT ON logged FOR EACH ROW EXECUTE FUNCTION set_too();
         CREATE TRIGGER before BEFORE INSERT ON unlogged FOR EACH ROW EXECUTE FUNCTION set_too();
         CREATE CONSTRAINT TRIGGER last AFTER INSERT ON unlogged DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION set_too()",
    )?;
    all_wait(&mut client, &["INSERT INTO logged VALUES (1)", "INSERT INTO logged SELECT generate_series(1, 3)"])?;
    all_may_be_forgotten(&mut client, &["INSERT INTO unlogged VALUES (1)"])
}

/// A read may prune a page of the table, or log it whole for a hint bit; that is of no account.
#[test]
fn a_read_before_a_set_does_not_make_it_wait() -> Result<()> {
    let (_cluster, mut client) = quiet_server()?;
    let reads_and_sets = "SELECT cache_get('warm'), cache_ttl('warm'), (SELECT count(*) FROM cache_get_many('{warm}'));
                          SELECT cache_get_or_set('warm', 'SELECT 1'); SELECT cache_fetch('warm');
                          SELECT cache_set('warm', '1')";
    let mut waits = Vec::new();
    // Far more versions than fit a page, so that reads prune it again and again.
    for _ in 0..TRIES {
        let mut waits_of_round = 0;
        for _ in 0..150 {
            waits_of_round += u32::from(waited(&mut client, reads_and_sets)?);
        }
        if waits_of_round == 0 {
            return Ok(());
        }
        waits.push(waits_of_round);
    }
    panic!("in each round some waited for the disk: {waits:?}");
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

/// As a trigger does: what hangs on the table may be anybody's, and may write anywhere.
#[test]
fn p5_a_check_or_an_index_on_the_table_keeps_its_durability() -> Result<()> {
    let (_cluster, mut client) = quiet_server()?;
    client.batch_execute(
        "CREATE FUNCTION ordered(key text) RETURNS boolean LANGUAGE plpgsql AS
         'BEGIN INSERT INTO public.orders VALUES (0); RETURN true; END';
         CREATE FUNCTION lower_and_order(key text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
         'BEGIN PERFORM public.ordered(key); RETURN lower(key); END';",
    )?;
    for (hang, undo) in [
        (
            "ALTER TABLE cache_entries ADD CONSTRAINT c CHECK (ordered(key))",
            "ALTER TABLE cache_entries DROP CONSTRAINT c",
        ),
        ("CREATE INDEX i ON cache_entries (lower_and_order(key))", "DROP INDEX i"),
    ] {
        client.batch_execute(hang)?;
        all_wait(
            &mut client,
            &[
                "SELECT cache_set(gen_random_uuid()::text, '1')",
                "SELECT cache_get_or_set(gen_random_uuid()::text, 'SELECT 1')",
                "SELECT cache_fetch(gen_random_uuid()::text)",
                "SELECT cache_incr(gen_random_uuid()::text)",
            ],
        )?;
        client.batch_execute(undo)?;
        all_may_be_forgotten(&mut client, &["SELECT cache_set('a', '1')"])?;
    }
    Ok(())
}

/// At the commit, after everything of ours, and it is all that the caller writes.
#[test]
fn p5_a_deferred_trigger_of_the_caller_keeps_its_durability() -> Result<()> {
    let (_cluster, mut client) = quiet_server()?;
    client.batch_execute(
        "CREATE CONSTRAINT TRIGGER order_too AFTER INSERT ON drafts DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION order_too()",
    )?;
    all_wait(
        &mut client,
        &[
            "INSERT INTO drafts VALUES (1); SELECT cache_set('a', '1')",
            "SELECT cache_set('a', '1'); INSERT INTO drafts VALUES (1)",
        ],
    )
}

#[test]
fn a_prepared_transaction_is_on_disk_when_it_is_prepared() -> Result<()> {
    let (cluster, mut client) = quiet_server()?;
    client.batch_execute("BEGIN; SELECT cache_set('prepared', '1')")?;
    let written: String = get(&mut client, "SELECT pg_current_wal_insert_lsn()::text")?;
    client.batch_execute("PREPARE TRANSACTION 'p'")?;
    assert!(get::<bool>(&mut client, &format!("SELECT pg_current_wal_flush_lsn() >= '{written}'"))?);
    cluster.kill9()?;
    cluster.start()?;
    let mut client = cluster.connect("postgres")?;
    client.batch_execute("COMMIT PREPARED 'p'")?;
    let value: Option<serde_json::Value> = client.query_one("SELECT cache_get('prepared')", &[])?.get(0);
    assert_eq!(value, Some(1.into()));
    Ok(())
}
