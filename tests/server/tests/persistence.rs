//! The unlogged cache: empty after a crash and on a standby, and never half of it.

use anyhow::Result;
use cache_pg_server_tests::{
    PATIENCE, create_extension, every_verb_works, get, rows, server, sqlstate, swift_server, together, value,
    with_extension,
};
use postgres::Client;
use postgres::error::SqlState;
use serde_json::Value;
use xtask::cluster::wait_for;

/// Every function that reads, as something that is true of an empty cache.
const MISSES: [&str; 23] = [
    "cache_get('n:a') IS NULL",
    "cache_get('n:tagged') IS NULL",
    "cache_get_or_null('n:a') IS NULL",
    "NOT cache_exists('n:a')",
    "cache_ttl('n:a') IS NULL",
    "cache_expires_at('n:a') IS NULL",
    "NOT EXISTS (SELECT FROM cache_entry('n:a'))",
    "NOT EXISTS (SELECT FROM cache_get_many('{n:a,n:tagged}'))",
    "NOT EXISTS (SELECT FROM cache_keys())",
    "NOT EXISTS (SELECT FROM cache_keys('n', after => 'a'))",
    "cache_get('n:bytes') IS NULL",
    "cache_get_bytes('n:bytes') IS NULL",
    "cache_ttl_seconds('n:a') IS NULL",
    "cache_lock_owner('n:a') IS NULL",
    "cache_count() = 0",
    "cache_count('n', 'n:') = 0",
    "NOT EXISTS (SELECT FROM cache_get_many_bytes('{n:a,n:bytes}'))",
    "NOT EXISTS (SELECT FROM cache_keys(prefix => 'n'))",
    "(SELECT NOT found AND token IS NULL FROM cache_fetch_bytes('n:bytes'))",
    "(SELECT NOT found AND value IS NULL AND NOT stale AND token IS NULL FROM cache_fetch('n:a'))",
    "(SELECT NOT found AND token IS NULL FROM cache_fetch('n:a', '1 hour'))",
    "cache_get_or_set('n:a', 'SELECT 2') = '2'",
    "cache_get_or_set('n:tagged', 'SELECT $1', tags => '{tag}', args => '{x}') = '\"x\"'",
];

fn reads_are_misses(client: &mut Client) -> Result<()> {
    for miss in MISSES {
        assert!(get::<bool>(client, &format!("SELECT {miss}"))?, "not so: {miss}");
    }
    assert!(!get::<bool>(client, "SELECT cache_tags_hold('{other}', '{1}')")?);
    Ok(())
}

const ENTRIES: &str = "
    SELECT cache_set('n:a', '1', '1 hour'), cache_set('n:tagged', '1', '1 hour', '{tag}'),
           cache_set_bytes('n:bytes', '1', '1 hour'), cache_set('n:invalid', '1', '1 hour', '{other}'), cache_invalidate_tags('other')";

#[test]
fn on_a_standby_the_reads_of_an_unlogged_cache_are_misses() -> Result<()> {
    let primary = server()?.start()?;
    let mut client = create_extension(&primary, "postgres")?;
    client.batch_execute(ENTRIES)?;
    client.batch_execute(
        "SELECT cache_configure('n', stale_for => '1 minute');
         CREATE ROLE reader LOGIN; GRANT SELECT, INSERT, UPDATE ON cache_entries TO reader;
         CREATE ROLE nobody LOGIN;
         CREATE FUNCTION idle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    )?;
    let standby = primary.standby()?;
    primary.caught_up(&standby)?;
    // A session that has read when there was something to read.
    let mut old = standby.connect("postgres")?;
    assert!(get::<bool>(&mut old, "SELECT cache_get('n:a') = '1' AND cache_get('n:tagged') = '1'")?);
    client.batch_execute("SELECT cache_persistence('unlogged')")?;
    assert!(get::<bool>(&mut client, "SELECT cache_get('n:a') = '1' AND cache_get('n:tagged') = '1'")?);
    // Below the executor, then through it.
    for change in ["", "CREATE TRIGGER idle AFTER TRUNCATE ON cache_entries EXECUTE FUNCTION idle()"] {
        client.batch_execute(change)?;
        primary.caught_up(&standby)?;
        for client in [&mut old, &mut standby.connect("postgres")?, &mut standby.connect_as("reader", "postgres")?] {
            reads_are_misses(client)?;
            assert_eq!(get::<String>(&mut standby.connect("postgres")?, "SELECT cache_persistence()")?, "unlogged");
        }
        let mut nobody = standby.connect_as("nobody", "postgres")?;
        for call in ["cache_get('n:a')", "cache_get_many('{n:a}')", "cache_entry('n:a')", "cache_fetch('n:a')"] {
            let state = sqlstate(nobody.query(&format!("SELECT {call}"), &[]))?;
            assert_eq!(state, SqlState::INSUFFICIENT_PRIVILEGE, "{call}");
        }
    }
    for call in ["cache_set('n:a', '2')", "cache_delete('n:a')", "cache_persistence('logged')"] {
        let state = sqlstate(old.query(&format!("SELECT {call}"), &[]))?;
        assert_eq!(state, SqlState::READ_ONLY_SQL_TRANSACTION, "{call}");
    }
    // One table alone, altered by hand.
    client.batch_execute("ALTER TABLE cache_entries SET LOGGED")?;
    primary.caught_up(&standby)?;
    reads_are_misses(&mut old)?;
    client.batch_execute("SELECT cache_persistence('logged')")?;
    primary.caught_up(&standby)?;
    assert!(get::<bool>(&mut old, "SELECT cache_get('n:a') = '1' AND cache_get('n:tagged') = '1'")?);
    client.batch_execute("SELECT cache_persistence('unlogged')")?;
    primary.caught_up(&standby)?;
    standby.promote()?;
    assert_eq!(rows(&mut old)?, 0);
    every_verb_works(&mut old)
}

#[test]
fn p2_after_a_crash_an_unlogged_cache_is_empty_and_works() -> Result<()> {
    let (cluster, mut client) = with_extension()?;
    client
        .batch_execute("SELECT cache_configure('n', default_ttl => '3 hours'); SELECT cache_persistence('unlogged')")?;
    client.batch_execute(ENTRIES)?;
    // What a crash leaves behind is what was written by then.
    client.batch_execute("CHECKPOINT")?;
    let token: String = get(&mut client, "SELECT token FROM cache_fetch('n:absent')")?;
    client.batch_execute("SELECT cache_delete('n:a'), cache_invalidate_tags('tag')")?;
    cluster.kill9()?;
    cluster.start()?;
    let mut client = cluster.connect("postgres")?;
    assert_eq!(rows(&mut client)?, 0);
    assert_eq!(get::<i64>(&mut client, "SELECT count(*) FROM cache_tags")?, 0);
    for key in ["n:a", "n:tagged", "n:invalid"] {
        assert_eq!(value::<Value>(&mut client, &format!("SELECT cache_get('{key}')"))?, None, "{key}");
    }
    let late: bool = client.query_one("SELECT cache_fill('n:absent', '1', $1)", &[&token])?.try_get(0)?;
    assert!(!late, "a value was stored that was computed before the crash");
    assert_eq!(get::<String>(&mut client, "SELECT cache_persistence()")?, "unlogged");
    let configured = "SELECT cache_set('n:new', '1') > now() + '2 hours'";
    assert!(get::<bool>(&mut client, configured)?, "the namespaces are kept");
    every_verb_works(&mut client)
}

#[test]
fn an_orderly_restart_keeps_an_unlogged_cache() -> Result<()> {
    let (cluster, mut client) = with_extension()?;
    client.batch_execute("SELECT cache_persistence('unlogged')")?;
    client.batch_execute(ENTRIES)?;
    cluster.restart()?;
    let mut client = cluster.connect("postgres")?;
    let kept = "SELECT cache_get('n:a') = '1' AND cache_get('n:tagged') = '1' AND cache_get('n:invalid') IS NULL";
    assert!(get::<bool>(&mut client, kept)?);
    Ok(())
}

#[test]
fn a_change_disturbs_nobody_who_is_at_work() -> Result<()> {
    const CLIENTS: usize = 4;
    let cluster = swift_server()?.start()?;
    create_extension(&cluster, "postgres")?;
    together(CLIENTS + 1, |number| {
        let mut client = cluster.connect("postgres")?;
        for round in 0..10 {
            if number == CLIENTS {
                let mode = ["unlogged", "logged"][round % 2];
                assert_eq!(get::<String>(&mut client, &format!("SELECT cache_persistence('{mode}')"))?, mode);
                continue;
            }
            for _ in 0..10 {
                client.batch_execute(&format!(
                    "SELECT cache_set('c:{number}', '{round}', '1 hour', '{{t:{number},all}}');
                     SELECT cache_get('c:{number}'), cache_invalidate_tags('all'), cache_sweep();
                     BEGIN; SELECT cache_get_or_set('l:{number}', 'SELECT 1', tags => '{{all}}');
                     SELECT cache_invalidate_tags('t:{number}'), cache_delete('l:{number}'); COMMIT"
                ))?;
            }
        }
        Ok(())
    })?;
    every_verb_works(&mut cluster.connect("postgres")?)
}

#[test]
fn p2_a_change_does_not_let_in_what_was_computed_before_a_delete() -> Result<()> {
    let cluster = server()?.conf("cache_pg.max_workers", "0").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    let mut late = cluster.connect("postgres")?;
    client.batch_execute("CREATE TABLE source AS SELECT 'old' AS value")?;
    late.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT value FROM source")?;
    client.batch_execute("SET cache_pg.lease = '100ms'")?;
    client.batch_execute("BEGIN; UPDATE source SET value = 'new'; SELECT cache_delete('k'); COMMIT")?;
    wait_for(&mut client, "SELECT cache_sweep() > 0", PATIENCE)?;
    assert_eq!(rows(&mut client)?, 0, "the tombstone is gone");
    client.batch_execute("SELECT cache_persistence('unlogged')")?;
    let loaded = "SELECT cache_get_or_set('k', 'SELECT value FROM source')";
    assert_eq!(get::<Value>(&mut late, loaded)?, "old", "its transaction goes on seeing the source as it was");
    late.batch_execute("COMMIT")?;
    assert_eq!(value::<Value>(&mut client, "SELECT cache_get('k')")?, None);
    assert_eq!(get::<Value>(&mut client, loaded)?, "new");
    Ok(())
}
