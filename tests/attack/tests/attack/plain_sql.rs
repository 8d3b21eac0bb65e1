//! Mixing plain SQL with functions, to make the cache hold more than it may, or others lose their entries. More than 128
//! pages are filled first, because a smaller table is looked at as a whole before anything goes.

use anyhow::Result;
use cache_pg_attack_tests::{DML, Scene};
use postgres::Client;

const SEEDS: i64 = 12_000;

/// A full table, with a namespace of others and what it may hold.
fn scene(name: &str, limit: &str, victims: i64) -> Result<(Scene, Client)> {
    let mut scene = Scene::new(name)?;
    scene.owner.batch_execute(&format!(
        "SELECT cache_set('seed:' || n, to_jsonb(repeat('x', 60)), '1 hour') FROM generate_series(1, {SEEDS}) AS n;
         SELECT cache_configure('theirs', {limit});
         SELECT cache_set('theirs:' || n, '1', '1 hour') FROM generate_series(1, {victims}) AS n"
    ))?;
    let app = scene.role("app", DML)?;
    Ok((scene, app))
}

fn live(scene: &mut Scene, keys: &str) -> Result<i64> {
    scene.get(&format!(
        "SELECT count(*) FROM cache_entries WHERE key ~ '{keys}' AND value IS NOT NULL AND expires_at > now()"
    ))
}

#[test]
fn entries_that_plain_sql_has_deleted_take_nobodys_place() -> Result<()> {
    let (mut scene, mut app) = scene("plain_deleted", "max_entries => 3000", 2500)?;
    for round in 0..15 {
        app.batch_execute(&format!(
            "SELECT cache_set_many((SELECT jsonb_object_agg('theirs:mine:{round}:' || n, 1) FROM generate_series(1, 300) AS n));
             DELETE FROM cache_entries WHERE key LIKE 'theirs:mine:%'"
        ))?;
    }
    let left = live(&mut scene, "^theirs:[0-9]+$")?;
    assert!(left >= 2400, "{left} of 2500 are left");
    scene.unharmed()
}

#[test]
fn bytes_that_plain_sql_has_taken_away_take_nobodys_place() -> Result<()> {
    let (mut scene, mut app) = scene("plain_shrunk", "max_size => 4 << 20", 2500)?;
    for _ in 0..15 {
        app.batch_execute("SELECT cache_set('theirs:mine', to_jsonb(repeat('x', 500000)), '1 hour')")?;
        app.batch_execute("UPDATE cache_entries SET value = '1' WHERE key = 'theirs:mine'")?;
    }
    let left = live(&mut scene, "^theirs:[0-9]+$")?;
    assert!(left >= 2400, "{left} of 2500 are left");
    scene.unharmed()
}

#[test]
fn what_plain_sql_writes_is_held_to_the_limit() -> Result<()> {
    for (name, write) in [
        (
            "plain_written",
            "INSERT INTO cache_entries (key, expires_at, value)
             SELECT 'theirs:{}:' || n, now() + interval '1 hour', '1' FROM generate_series(1, 100) AS n",
        ),
        (
            "plain_upserted",
            "INSERT INTO cache_entries (key, expires_at) SELECT 'theirs:{}:' || n, now() FROM generate_series(1, 100) AS n;
             INSERT INTO cache_entries (key, expires_at, value)
             SELECT 'theirs:{}:' || n, now() + interval '1 hour', '1' FROM generate_series(1, 100) AS n
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at",
        ),
        (
            "plain_in_grace",
            "INSERT INTO cache_entries (key, expires_at, stale_until, value)
             SELECT 'theirs:{}:' || n, now() - interval '1 hour', now() + interval '1 hour', '1'
             FROM generate_series(1, 100) AS n",
        ),
        (
            "plain_renamed",
            "INSERT INTO cache_entries (key, expires_at, value)
             SELECT 'mine:{}:' || n, now() + interval '1 hour', '1' FROM generate_series(1, 100) AS n;
             UPDATE cache_entries SET key = 'theirs' || substr(key, 5) WHERE key LIKE 'mine:%'",
        ),
    ] {
        let (mut scene, _) = scene(name, "max_entries => 1000", 10)?;
        for round in 0..40 {
            // Each in a session of its own: it has done nothing with the cache before.
            scene.connect("app")?.batch_execute(&write.replace("{}", &round.to_string()))?;
        }
        let held: i64 =
            scene.get("SELECT count(*) FROM cache_entries WHERE key LIKE 'theirs:%' AND value IS NOT NULL")?;
        assert!(held <= 1250, "{held} entries under a limit of 1000: {name}");
        scene.unharmed()?;
    }
    Ok(())
}

#[test]
fn what_plain_sql_has_written_and_functions_delete_makes_no_room_for_more() -> Result<()> {
    let (mut scene, mut app) = scene("plain_understated", "max_entries => 1000", 10)?;
    for round in 0..20 {
        scene.connect("app")?.batch_execute(
            "INSERT INTO cache_entries (key, expires_at, value)
             SELECT 'theirs:mine:' || n, now() + interval '1 hour', '1' FROM generate_series(1, 200) AS n
             ON CONFLICT (key) DO UPDATE SET value = '1', expires_at = excluded.expires_at;
             SELECT cache_delete_many(ARRAY(SELECT 'theirs:mine:' || n FROM generate_series(1, 200) AS n))",
        )?;
        app.batch_execute(&format!(
            "SELECT cache_set('theirs:{round}:' || n, '1', '1 hour') FROM generate_series(1, 100) AS n"
        ))?;
    }
    let held = live(&mut scene, "^theirs:")?;
    assert!(held <= 1250, "{held} entries under a limit of 1000");
    scene.unharmed()
}
