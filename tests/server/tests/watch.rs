//! Watched tables through backups, in a subscription, and with what only some versions of PostgreSQL have.

use anyhow::Result;
use cache_pg_server_tests::{PATIENCE, create_database, create_extension, get, server, sqlstate, with_extension};
use postgres::Client;
use postgres::error::SqlState;
use xtask::cluster::{Cluster, wait_for};
use xtask::process;

/// A table, a tree of partitions, one that was detached from it, and a tree of children, all watched.
const WATCHED: &str = "
    CREATE TABLE plain (id integer PRIMARY KEY, name text);
    CREATE TABLE tree (id integer, part text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
    CREATE TABLE tree_a PARTITION OF tree FOR VALUES IN ('a');
    CREATE TABLE tree_rest PARTITION OF tree DEFAULT PARTITION BY LIST (part);
    CREATE TABLE tree_b PARTITION OF tree_rest FOR VALUES IN ('b');
    CREATE TABLE parent (id integer);
    CREATE TABLE child () INHERITS (parent);
    SELECT cache_watch('plain', ARRAY['plain:{id}', 'it''s \\ {{\"{name}\"}}'], ARRAY['names']);
    SELECT cache_watch('tree', ARRAY['tree:{id}']);
    SELECT cache_watch('parent', ARRAY['parent:{id}']);
    CREATE TABLE tree_old PARTITION OF tree FOR VALUES IN ('o'); ALTER TABLE tree DETACH PARTITION tree_old;
    INSERT INTO plain VALUES (1, 'ä'); INSERT INTO tree VALUES (1, 'a'), (2, 'b'); INSERT INTO child VALUES (1);";

const WATCHES: &str = "SELECT jsonb_agg(w ORDER BY source::text) FROM cache_watches AS w";

const TRIGGERS: &str = "
    SELECT jsonb_agg(jsonb_build_array(tgrelid::regclass, tgname, tgenabled, tgtype, tgparentid <> 0)
                     ORDER BY tgrelid::regclass::text, tgname)
    FROM pg_trigger WHERE tgname LIKE 'cache\\_pg\\_%'";

/// Sets `key`, runs `change`, and asserts that it deleted the key.
fn deletes(client: &mut Client, key: &str, change: &str) -> Result<()> {
    client.execute("SELECT cache_set($1, '1')", &[&key])?;
    client.batch_execute(change)?;
    let exists: bool = client.query_one("SELECT cache_exists($1)", &[&key])?.try_get(0)?;
    assert!(!exists, "{key} is still there after {change}");
    Ok(())
}

fn everything_is_watched(client: &mut Client) -> Result<()> {
    deletes(client, "plain:1", "UPDATE plain SET id = 2")?;
    deletes(client, "it's \\ {\"ä\"}", "DELETE FROM plain")?;
    deletes(client, "plain:3", "TRUNCATE plain")?;
    deletes(client, "tree:1", "UPDATE tree SET part = 'b' WHERE id = 1")?;
    deletes(client, "tree:2", "DELETE FROM tree_b WHERE id = 2")?;
    deletes(client, "tree:4", "INSERT INTO tree_old VALUES (4, 'o')")?;
    deletes(client, "tree:5", "SET session_replication_role = replica; INSERT INTO tree_old VALUES (5, 'o')")?;
    deletes(client, "tree:6", "INSERT INTO tree VALUES (6, 'b'); RESET session_replication_role")?;
    deletes(client, "parent:1", "DELETE FROM parent")?;
    client.batch_execute("CREATE TABLE tree_c PARTITION OF tree FOR VALUES IN ('c')")?;
    deletes(client, "tree:3", "INSERT INTO tree_c VALUES (3, 'c')")?;
    assert_eq!(
        sqlstate(client.batch_execute("ALTER TABLE tree RENAME COLUMN id TO number"))?,
        SqlState::DEPENDENT_OBJECTS_STILL_EXIST
    );
    Ok(())
}

/// Restores the database `postgres` into `restored` with `restore`, and asserts that the same is watched there.
fn restored_by(restore: impl FnOnce(&Cluster) -> Result<()>) -> Result<()> {
    let (cluster, mut original) = with_extension()?;
    original.batch_execute(WATCHED)?;
    original.batch_execute("CREATE DATABASE restored")?;
    restore(&cluster)?;
    let mut client = cluster.connect("restored")?;
    for query in [WATCHES, TRIGGERS] {
        assert_eq!(get::<serde_json::Value>(&mut client, query)?, get::<serde_json::Value>(&mut original, query)?);
    }
    assert_eq!(get::<i64>(&mut client, "SELECT count(*) FROM cache_watches")?, 4);
    everything_is_watched(&mut client)
}

#[test]
fn a_dump_restored_by_pg_restore_is_watched() -> Result<()> {
    restored_by(|cluster| {
        let file = cluster.dir().join("dump");
        let (source, target) = (cluster.conninfo("postgres"), cluster.conninfo("restored"));
        let installation = cluster.installation();
        process::output(installation.command("pg_dump").args(["-Fc", "--dbname", &source, "--file"]).arg(&file))?;
        let mut restore = installation.command("pg_restore");
        process::output(restore.args(["--exit-on-error", "--jobs=2", "--dbname", &target]).arg(&file))?;
        Ok(())
    })
}

#[test]
fn a_dump_restored_by_psql_is_watched() -> Result<()> {
    restored_by(|cluster| {
        let file = cluster.dir().join("dump.sql");
        let source = cluster.conninfo("postgres");
        process::output(cluster.installation().command("pg_dump").args(["--dbname", &source, "--file"]).arg(&file))?;
        cluster.psql_file("restored", &file)?;
        Ok(())
    })
}

#[test]
fn the_original_is_watched() -> Result<()> {
    let (_cluster, mut client) = with_extension()?;
    client.batch_execute(WATCHED)?;
    everything_is_watched(&mut client)
}

#[test]
fn what_a_subscription_applies_is_watched() -> Result<()> {
    let cluster = server()?.conf("wal_level", "logical").start()?;
    let mut publisher = cluster.connect("postgres")?;
    let mut subscriber = create_database(&cluster, "subscriber")?;
    let tables = "
        CREATE TABLE plain (id integer PRIMARY KEY, name text);
        CREATE TABLE tree (id integer, part text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
        CREATE TABLE tree_a PARTITION OF tree FOR VALUES IN ('a');";
    publisher.batch_execute(tables)?;
    publisher.batch_execute(
        "INSERT INTO plain VALUES (1, 'one'); INSERT INTO tree VALUES (1, 'a');
         CREATE PUBLICATION everything FOR ALL TABLES;",
    )?;
    publisher.execute("SELECT pg_create_logical_replication_slot('watched', 'pgoutput')", &[])?;
    subscriber.batch_execute(tables)?;
    subscriber.batch_execute(
        "SELECT cache_watch('plain', ARRAY['plain:{id}']); SELECT cache_watch('tree', ARRAY['tree:{id}']);
         SELECT cache_set('plain:' || i, '1'), cache_set('tree:' || i, '1') FROM generate_series(1, 4) AS i",
    )?;
    let connection = cluster.conninfo("postgres");
    subscriber.batch_execute(&format!(
        "CREATE SUBSCRIPTION watched CONNECTION '{connection}' PUBLICATION everything
         WITH (create_slot = false, slot_name = 'watched')"
    ))?;
    let gone = |keys: &str, stay: &str| {
        format!(
            "SELECT NOT EXISTS (SELECT FROM cache_get_many('{keys}'))
                AND (SELECT count(*) = cardinality('{stay}'::text[]) FROM cache_get_many('{stay}'))"
        )
    };
    // The first copy of the tables, then changes one by one.
    wait_for(&mut subscriber, &gone("{plain:1,tree:1}", "{plain:2,tree:2}"), PATIENCE)?;
    publisher.batch_execute("INSERT INTO plain VALUES (2, 'two')")?;
    wait_for(&mut subscriber, &gone("{plain:2}", "{plain:3,plain:4}"), PATIENCE)?;
    publisher.batch_execute("UPDATE plain SET id = 3 WHERE id = 2; INSERT INTO tree VALUES (2, 'a')")?;
    wait_for(&mut subscriber, &gone("{plain:3,tree:2}", "{plain:4,tree:3}"), PATIENCE)?;
    subscriber.batch_execute("SELECT cache_set('plain:3', '1')")?;
    publisher.batch_execute("DELETE FROM plain WHERE id = 3")?;
    wait_for(&mut subscriber, &gone("{plain:3}", "{plain:4}"), PATIENCE)?;
    publisher.batch_execute("TRUNCATE plain")?;
    wait_for(&mut subscriber, &gone("{plain:4}", "{tree:3,tree:4}"), PATIENCE)?;
    subscriber.batch_execute("DROP SUBSCRIPTION watched")?;
    Ok(())
}

#[test]
fn a_session_that_replays_changes_is_watched() -> Result<()> {
    let (_cluster, mut client) = with_extension()?;
    client.batch_execute(WATCHED)?;
    client.batch_execute("SET session_replication_role = replica")?;
    deletes(&mut client, "plain:1", "UPDATE plain SET id = 2")?;
    deletes(&mut client, "tree:1", "DELETE FROM tree WHERE id = 1")?;
    deletes(&mut client, "plain:2", "TRUNCATE plain")
}

#[test]
fn a_column_without_a_stored_value_is_refused() -> Result<()> {
    let cluster = server()?.start()?;
    if cluster.installation().major < 18 {
        return Ok(());
    }
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute("CREATE TABLE t (a integer, v integer GENERATED ALWAYS AS (a + 1) VIRTUAL)")?;
    let refused = client.batch_execute("SELECT cache_watch('t', ARRAY['t:{v}'])");
    assert_eq!(sqlstate(refused)?, SqlState::FEATURE_NOT_SUPPORTED);
    client.batch_execute("ALTER TABLE t ADD COLUMN s integer GENERATED ALWAYS AS (a + 1) STORED")?;
    client.batch_execute("SELECT cache_watch('t', ARRAY['t:{s}'])")?;
    deletes(&mut client, "t:3", "INSERT INTO t VALUES (2)")
}
