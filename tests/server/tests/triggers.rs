//! Triggers on `cache_entries`: whatever writes, and however fast it does otherwise, they have their say.

use std::thread;

use anyhow::{Result, anyhow};
use cache_pg_server_tests::{
    PATIENCE, create_extension, every_verb_works, get, swept, swift_server, with_extension, write_expired,
};
use postgres::Client;
use xtask::cluster::wait_for;

/// Notes the operation and the key of each row that is written.
const AUDIT: &str = "
    CREATE TABLE log (operation text, key text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN INSERT INTO log VALUES (TG_OP, coalesce(NEW.key, OLD.key)); RETURN NULL; END$$;";
const TRIGGER: &str =
    "CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON cache_entries FOR EACH ROW EXECUTE FUNCTION note()";

fn noted(client: &mut Client, operation: &str, key: &str) -> Result<i64> {
    get(client, &format!("SELECT count(*) FROM log WHERE operation = '{operation}' AND key = '{key}'"))
}

#[test]
fn a_trigger_sees_what_every_function_writes() -> Result<()> {
    let (_cluster, mut client) = with_extension()?;
    every_verb_works(&mut client)?;
    client.batch_execute(&format!("TRUNCATE cache_entries; {AUDIT} {TRIGGER}"))?;
    every_verb_works(&mut client)?;
    // Set; tried; added, replaced, swapped, touched; counted; set with others. Then all are deleted.
    for (key, updates) in [("w:a", 1), ("w:b", 1), ("w:c", 4), ("w:n", 1), ("w:d", 1)] {
        assert_eq!(noted(&mut client, "INSERT", key)?, 1, "{key}");
        assert_eq!(noted(&mut client, "UPDATE", key)?, updates, "{key}");
    }
    Ok(())
}

#[test]
fn a_trigger_sees_what_the_worker_and_cache_sweep_remove() -> Result<()> {
    let cluster = swift_server()?.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(&format!("{AUDIT} {TRIGGER}"))?;
    write_expired(&mut client, 2_500)?;
    swept(&mut client)?;
    assert_eq!(get::<i64>(&mut client, "SELECT count(DISTINCT key) FROM log WHERE operation = 'DELETE'")?, 2_501);
    cluster.set_conf("cache_pg.max_workers", "0")?;
    cluster.restart()?;
    let mut client = cluster.connect("postgres")?;
    client.batch_execute("TRUNCATE log")?;
    write_expired(&mut client, 50)?;
    assert!(get::<i32>(&mut client, "SELECT cache_sweep()")? >= 50);
    assert!(get::<i64>(&mut client, "SELECT count(DISTINCT key) FROM log WHERE operation = 'DELETE'")? >= 50);
    Ok(())
}

#[test]
fn a_trigger_counts_in_a_session_that_was_about_to_find_out_when_it_came() -> Result<()> {
    let cluster = swift_server()?.conf("cache_pg.max_workers", "0").start()?;
    let mut owner = create_extension(&cluster, "postgres")?;
    owner.batch_execute(AUDIT)?;
    let mut late = cluster.connect("postgres")?;
    let mut blocker = cluster.connect("postgres")?;
    let mut block = blocker.transaction()?;
    // What every first call of a session has to look into.
    block.batch_execute("LOCK TABLE pg_catalog.pg_extension IN ACCESS EXCLUSIVE MODE")?;
    thread::scope(|scope| {
        let first_call = scope.spawn(|| late.batch_execute("SELECT cache_set('k', '1')"));
        wait_for(&mut owner, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)", PATIENCE)?;
        owner.batch_execute(TRIGGER)?;
        block.rollback()?;
        first_call.join().map_err(|_| anyhow!("it panicked"))??;
        anyhow::Ok(())
    })?;
    write_expired(&mut owner, 10)?;
    assert!(get::<i32>(&mut late, "SELECT cache_sweep()")? >= 10);
    assert!(get::<i64>(&mut owner, "SELECT count(*) FROM log WHERE operation = 'DELETE'")? >= 10);
    Ok(())
}
