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
    // Of JSON: set; tried; added, replaced, swapped, touched; counted; set with others. Then all are deleted. Of bytes and
    // of locks: set; added, replaced, swapped; set in an array, read and touched, deleted by its version; set in an array,
    // set with a deadline that has come; taken; locked. Then what is left is cleared.
    let updates = [("w:a", 3), ("w:b", 5), ("w:c", 7), ("w:n", 1), ("w:d", 3), ("w:e", 1), ("w:lock", 1)];
    let noted =
        updates.map(|(key, _)| Ok((key, noted(&mut client, "UPDATE", key)?, noted(&mut client, "INSERT", key)?)));
    let noted = noted.into_iter().collect::<Result<Vec<_>>>()?;
    assert_eq!(noted, updates.map(|(key, updates)| (key, updates, 1)));
    Ok(())
}

/// Whoever may make triggers, and has made some that would make it a superuser where one of them fired as one.
const ATTACK: &str = "
    CREATE ROLE app LOGIN;
    GRANT TRIGGER ON cache_entries, cache_tags, cache_namespaces TO app;
    GRANT CREATE ON SCHEMA public TO app;
    SET ROLE app;
    CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS
        $$BEGIN ALTER ROLE app SUPERUSER; RETURN coalesce(NEW, OLD); END$$;
    CREATE TRIGGER steal BEFORE DELETE ON cache_entries FOR EACH ROW EXECUTE FUNCTION steal();
    CREATE TRIGGER steal_after AFTER DELETE ON cache_entries FOR EACH STATEMENT EXECUTE FUNCTION steal();
    CREATE TRIGGER steal_old AFTER DELETE ON cache_entries REFERENCING OLD TABLE AS old
        FOR EACH STATEMENT EXECUTE FUNCTION steal();
    CREATE TRIGGER steal BEFORE INSERT OR UPDATE OR DELETE ON cache_tags FOR EACH ROW EXECUTE FUNCTION steal();
    CREATE TRIGGER steal_after AFTER INSERT OR UPDATE OR DELETE ON cache_tags FOR EACH STATEMENT EXECUTE FUNCTION steal();
    RESET ROLE";

fn is_superuser(client: &mut Client) -> Result<bool> {
    get(client, "SELECT rolsuper FROM pg_roles WHERE rolname = 'app'")
}

#[test]
fn p9_the_worker_and_cache_sweep_fire_no_trigger_and_go_on() -> Result<()> {
    let cluster = swift_server()?.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(ATTACK)?;
    write_expired(&mut client, 2_500)?;
    swept(&mut client)?;
    assert!(!is_superuser(&mut client)?);
    cluster.set_conf("cache_pg.max_workers", "0")?;
    cluster.restart()?;
    let mut client = cluster.connect("postgres")?;
    write_expired(&mut client, 50)?;
    assert!(get::<i32>(&mut client, "SELECT cache_sweep()")? >= 50);
    assert!(!is_superuser(&mut client)?);
    Ok(())
}

#[test]
fn p9_collecting_tags_fires_no_trigger_and_goes_on() -> Result<()> {
    let cluster = swift_server()?.conf("cache_pg.max_workers", "0").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(ATTACK)?;
    client.execute("SELECT cache_invalidate_tags('t' || n) FROM generate_series(1, 3000) AS n", &[])?;
    // As several transactions at once leave them: several rows of a tag.
    client.batch_execute(
        "SET session_replication_role = replica;
         INSERT INTO cache_tags SELECT tag, generation, version FROM cache_tags WHERE tag LIKE 't1%'",
    )?;
    for _ in 0..2 {
        // Each session makes its own rounds.
        get::<i32>(&mut cluster.connect("postgres")?, "SELECT cache_sweep()")?;
    }
    assert_eq!(get::<i64>(&mut client, "SELECT count(*) FROM cache_tags WHERE tag LIKE 't%'")?, 0);
    assert!(!is_superuser(&mut client)?);
    Ok(())
}

#[test]
fn p9_an_eviction_fires_no_trigger_and_the_limit_holds() -> Result<()> {
    let cluster = swift_server()?
        .conf("cache_pg.max_workers", "0")
        .conf("cache_pg.max_entries", "1000")
        .conf("cache_pg.eviction_factor", "1000")
        .start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.execute("SELECT cache_set('k:' || n, '1', '1 hour') FROM generate_series(1, 3000) AS n", &[])?;
    client.batch_execute(ATTACK)?;
    cluster.set_conf("cache_pg.max_workers", "1")?;
    cluster.reload()?;
    wait_for(&mut client, "SELECT count(*) <= 1000 FROM cache_entries WHERE value IS NOT NULL", PATIENCE)?;
    assert!(!is_superuser(&mut client)?);
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
    late.batch_execute("SELECT cache_set('late', '1')")?;
    assert_eq!(noted(&mut owner, "INSERT", "late")?, 1);
    Ok(())
}

/// Tables with a foreign key on the cache: with an index, without one, of another type, and one that is partitioned.
const POINTING: &str = "
    CREATE TABLE indexed (key text REFERENCES cache_entries, n int);
    CREATE INDEX ON indexed (key);
    CREATE TABLE unindexed (n int, key varchar(100) REFERENCES cache_entries);
    CREATE TABLE parted (n int, key text REFERENCES cache_entries) PARTITION BY LIST (n);
    CREATE TABLE part PARTITION OF parted FOR VALUES IN (1)";

#[test]
fn rows_that_a_foreign_key_points_at_stay_and_all_others_go() -> Result<()> {
    let cluster = swift_server()?.conf("cache_pg.max_workers", "0").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(POINTING)?;
    client.batch_execute(
        "INSERT INTO cache_entries (key, value, expires_at)
         SELECT 'k' || n, '1', '2001-01-01' FROM generate_series(1, 3000) AS n;
         INSERT INTO indexed VALUES ('k1');
         INSERT INTO unindexed (key) VALUES ('k2'), (NULL);
         INSERT INTO parted VALUES (1, 'k3')",
    )?;
    let mut open = cluster.connect("postgres")?;
    open.batch_execute("BEGIN; INSERT INTO indexed VALUES ('k4')")?;
    while get::<i32>(&mut client, "SELECT cache_sweep()")? > 0 {}
    assert_eq!(get::<i64>(&mut client, "SELECT count(*) FROM cache_entries WHERE key IN ('k1', 'k2', 'k3', 'k4')")?, 4);
    assert_eq!(get::<i64>(&mut client, "SELECT count(*) FROM cache_entries")?, 4);
    open.batch_execute("ROLLBACK")?;
    client.batch_execute("TRUNCATE indexed, parted")?;
    cluster.set_conf("cache_pg.max_workers", "1")?;
    cluster.reload()?;
    write_expired(&mut client, 10)?;
    wait_for(&mut client, "SELECT array_agg(key) = '{k2}' FROM cache_entries", PATIENCE)?;
    client.batch_execute("DROP TABLE unindexed, indexed, parted")?;
    write_expired(&mut client, 10)?;
    swept(&mut client)
}

#[test]
fn an_eviction_leaves_what_a_foreign_key_points_at_and_health_says_so() -> Result<()> {
    let cluster = swift_server()?
        .conf("cache_pg.max_workers", "0")
        .conf("cache_pg.max_entries", "100")
        .conf("cache_pg.eviction_factor", "1000")
        .start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(
        "SELECT cache_set('kept:' || n, '1', '1 hour') FROM generate_series(1, 50) AS n;
         SELECT cache_set('k:' || n, '1', '1 hour') FROM generate_series(1, 1000) AS n;
         CREATE TABLE pointing (key text PRIMARY KEY CONSTRAINT to_the_cache REFERENCES cache_entries);
         INSERT INTO pointing SELECT key FROM cache_entries WHERE key LIKE 'kept:%'",
    )?;
    cluster.set_conf("cache_pg.max_workers", "1")?;
    cluster.reload()?;
    wait_for(&mut client, "SELECT count(*) <= 100 FROM cache_entries", PATIENCE)?;
    assert_eq!(get::<i64>(&mut client, "SELECT count(*) FROM pointing JOIN cache_entries USING (key)")?, 50);
    let health = "SELECT status = 'warning' AND value = 'to_the_cache of public.pointing'
                  FROM cache_health WHERE \"check\" = 'foreign_keys'";
    assert!(get::<bool>(&mut client, health)?);
    Ok(())
}
