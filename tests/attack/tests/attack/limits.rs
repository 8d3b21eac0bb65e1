//! Limits of the whole cache, against what used to switch them off: a crash, TRUNCATE, a constraint, no shared memory.

use std::sync::Arc;

use anyhow::Result;
use cache_pg_attack_tests::{DML, Scene};
use cache_pg_server_tests::{PATIENCE, Shared, create_extension, get, server, swift_server};
use xtask::cluster::{poll, wait_for};

/// The limit of the server that is shared here.
const LIMIT: i64 = 2_000;

static LIMITED: Shared = Shared::new();

fn scene(name: &str) -> Result<Scene> {
    let cluster = LIMITED.get(|| swift_server()?.conf("cache_pg.max_entries", &LIMIT.to_string()).start())?;
    Scene::on(cluster, name)
}

/// One transaction after another writes new keys, together `count`.
fn write(scene: &mut Scene, prefix: &str, count: i64) -> Result<()> {
    let mut app = scene.connect("app")?;
    for round in 0..count / 50 {
        app.batch_execute(&format!(
            "SELECT cache_set('{prefix}{round}:' || n, '1', '1 hour') FROM generate_series(1, 50) AS n"
        ))?;
    }
    Ok(())
}

const LIVE: &str = "SELECT count(*) FROM cache_entries WHERE value IS NOT NULL AND expires_at > now()";

/// What the writers' own commits keep to, without waiting for a worker: 1.1 times the limit, and what one commit adds.
fn held(scene: &mut Scene, what: &str) -> Result<()> {
    let live: i64 = scene.get(LIVE)?;
    assert!(live <= LIMIT * 5 / 4, "{live} entries under a limit of {LIMIT}: {what}");
    Ok(())
}

#[test]
fn no_constraint_index_or_trigger_switches_the_limit_off() -> Result<()> {
    for (number, change) in [
        "ALTER TABLE cache_entries ADD CONSTRAINT more CHECK (length(key) < 1000)",
        "CREATE INDEX ON cache_entries (expires_at)",
        "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER more BEFORE INSERT OR UPDATE ON cache_entries FOR EACH ROW EXECUTE FUNCTION nothing()",
        "ALTER TABLE cache_entries ADD COLUMN more int",
        "ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON cache_entries USING (true)",
    ]
    .into_iter()
    .enumerate()
    {
        let mut scene = scene(&format!("limited_{number}"))?;
        scene.role("app", DML)?;
        scene.owner.batch_execute(change)?;
        write(&mut scene, "k", 2 * LIMIT)?;
        held(&mut scene, change)?;
        scene.unharmed()?;
    }
    Ok(())
}

#[test]
fn a_truncate_and_a_refill_do_not_get_around_the_limit() -> Result<()> {
    let mut scene = scene("refilled")?;
    scene.role("app", DML)?;
    write(&mut scene, "a", LIMIT)?;
    for again in ["TRUNCATE cache_entries", "VACUUM FULL cache_entries", "DELETE FROM cache_entries"] {
        scene.owner.batch_execute(again)?;
        write(&mut scene, "b", 2 * LIMIT)?;
        let owner = &mut scene.owner;
        poll(PATIENCE, again, || Ok(get::<i64>(owner, LIVE)? <= LIMIT * 5 / 4))?;
    }
    // After a TRUNCATE what is new is not taken for too much.
    scene.owner.batch_execute("TRUNCATE cache_entries")?;
    write(&mut scene, "c", LIMIT / 2)?;
    let live: i64 = scene.get(LIVE)?;
    assert!(live > LIMIT / 2 - LIMIT / 8, "{live} entries are left of {}", LIMIT / 2);
    scene.unharmed()
}

#[test]
fn a_crash_does_not_get_around_the_limit() -> Result<()> {
    let cluster = swift_server()?.conf("cache_pg.max_entries", &LIMIT.to_string()).start()?;
    let mut owner = create_extension(&cluster, "postgres")?;
    let insert = |count: i64| {
        format!(
            "INSERT INTO cache_entries (key, value, expires_at)
             SELECT 'plain:' || random(), '1', now() + interval '1 hour' FROM generate_series(1, {count})"
        )
    };
    // Plain SQL has written three times as much as there may be when a backend is killed.
    owner.batch_execute(&insert(3 * LIMIT))?;
    let pid: i32 = get(&mut owner, "SELECT pg_backend_pid()")?;
    // Until the postmaster has noticed, connections are still let in, and end with the others.
    let mut witness = cluster.connect("postgres")?;
    cluster.crash_backend(pid)?;
    poll(PATIENCE, "the crash to be noticed", || Ok(witness.simple_query("SELECT 1").is_err()))?;
    poll(PATIENCE, "the server to come back", || Ok(cluster.connect("postgres").is_ok()))?;
    let mut owner = cluster.connect("postgres")?;
    poll(PATIENCE, "the limit to hold", || {
        owner.batch_execute("SELECT cache_set('k' || random(), '1', '1 hour') FROM generate_series(1, 20)")?;
        let live: i64 = get(&mut owner, LIVE)?;
        if live > 2 * LIMIT {
            let well = "SELECT bool_and(status = 'ok') AND (SELECT counted_at IS NOT NULL FROM cache_stats WHERE scope = 'total') FROM cache_health";
            assert!(!get::<bool>(&mut owner, well)?, "{live} entries under a limit of {LIMIT}, and all is well");
        }
        Ok(live <= LIMIT * 5 / 4)
    })
}

#[test]
fn without_shared_memory_short_connections_do_not_get_around_the_limit() -> Result<()> {
    let cluster = Arc::new(server()?.preload(false).conf("cache_pg.max_size", "1MB").start()?);
    let mut owner = create_extension(&cluster, "postgres")?;
    // Fifteen large values a connection, which is less than the number of entries after which one used to look.
    for number in 0..25 {
        cluster.connect("postgres")?.batch_execute(&format!(
            "SELECT cache_set('k:{number}:' || n, (SELECT jsonb_agg(md5(random()::text)) FROM generate_series(1, 800) AS m), '1 hour')
             FROM generate_series(1, 15) AS n"
        ))?;
    }
    let held: i64 = get(
        &mut owner,
        "SELECT coalesce(sum(pg_column_size(value)), 0)::bigint FROM cache_entries WHERE value IS NOT NULL AND expires_at > now()",
    )?;
    assert!(held < 4 << 20, "{held} bytes under a limit of 1 MB");
    wait_for(&mut owner, "SELECT cache_set('k', '1') IS NOT NULL", PATIENCE)
}
