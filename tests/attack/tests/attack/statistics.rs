//! Statistics, places and limits under those who would use them up.

use std::sync::Arc;

use anyhow::Result;
use cache_pg_attack_tests::{DML, Scene, run};
use cache_pg_server_tests::swift_server;

#[test]
fn no_refused_call_takes_a_place_of_the_statistics() -> Result<()> {
    let mut scene = Scene::new("refused")?;
    let mut nobody = scene.role("nobody", "")?;
    let mut reader = scene.role("reader", "GRANT SELECT ON cache_entries TO {role}")?;
    for call in ["cache_get_or_null('nb' || i || ':x')", "cache_try_set('nb' || i || ':x', '1')"] {
        run(&mut nobody, &format!("SELECT count({call}) FROM generate_series(1, 300) AS i"))?.ok();
    }
    run(&mut reader, "SELECT count(cache_get('rd' || i || ':x')) FROM generate_series(1, 300) AS i")?.ok();
    run(&mut reader, "SELECT count(cache_try_set('rd' || i || ':x', '1')) FROM generate_series(1, 300) AS i")?.ok();
    assert_eq!(scene.get::<i64>("SELECT count(*) FROM cache_stats WHERE namespace ~ '^(nb|rd)[0-9]'")?, 0);
    scene.unharmed()
}

#[test]
fn a_flood_of_namespaces_takes_no_limit_from_one_that_is_configured_later() -> Result<()> {
    // A server of its own, because it uses up what all databases of a server share.
    let cluster = swift_server()?.conf("cache_pg.track_namespaces", "50").start()?;
    let mut scene = Scene::on(Arc::new(cluster), "flood")?;
    let mut app = scene.role("app", DML)?;
    app.batch_execute("SELECT cache_set('fl' || i || ':x', '1', '1 minute') FROM generate_series(1, 400) AS i")?;
    scene.owner.batch_execute("SELECT cache_configure('late', max_entries => 100)")?;
    for round in 0..10 {
        app.batch_execute(&format!(
            "SELECT cache_set('late:{round}:' || n, '1', '1 hour') FROM generate_series(1, 100) AS n"
        ))?;
    }
    let live: i64 = scene.get("SELECT count(*) FROM cache_entries WHERE key LIKE 'late:%' AND value IS NOT NULL")?;
    assert!(live <= 200, "{live} entries under a limit of 100");
    assert_eq!(scene.get::<i64>("SELECT count(*) FROM cache_stats WHERE namespace = 'late'")?, 1);
    scene.unharmed()
}

#[test]
fn no_forged_figure_gets_into_the_statistics() -> Result<()> {
    let mut scene = Scene::new("figures")?;
    let mut app = scene.role("app", DML)?;
    let forged = "INSERT INTO cache_entries (key, expires_at, value, load_us)
                  SELECT 'load:' || n, 'infinity', '1', CASE n % 2 WHEN 0 THEN -9223372036854775808 ELSE 9223372036854775807 END
                  FROM generate_series(1, 10) AS n";
    // Refused by a constraint is as good.
    run(&mut app, forged)?.ok();
    run(&mut app, "SELECT count(*) FROM generate_series(1, 10) AS n, cache_fetch('load:' || n)")?.ok();
    run(
        &mut app,
        "INSERT INTO cache_entries (key, expires_at, value, created_at, updated_at)
         SELECT 'fig:' || n, 'infinity', '1', 'infinity', CASE n % 2 WHEN 0 THEN '-infinity' ELSE '294276-01-01' END::timestamptz
         FROM generate_series(1, 200) AS n",
    )?
    .ok();
    scene.owner.batch_execute("SELECT cache_configure('fig', max_entries => 10)")?;
    app.batch_execute("SELECT cache_set('fig:' || n, '1', '1 hour') FROM generate_series(100, 400) AS n")?;
    app.batch_execute(
        "SELECT cache_get('fig:' || n), f.token FROM generate_series(1, 100) AS n, cache_fetch('fig:' || n) AS f",
    )?;
    let odd =
        "SELECT count(*) FROM cache_stats WHERE evicted_age NOT BETWEEN 0 AND 86400 OR load_ms NOT BETWEEN 0 AND 1e9
               OR wait_ms NOT BETWEEN 0 AND 1e9 OR entries < 0 OR bytes < 0 OR hit_ratio NOT BETWEEN 0 AND 1";
    assert_eq!(scene.get::<i64>(odd)?, 0);
    let slow = "SELECT count(*) FROM cache_latency WHERE max > 1e7 OR mean < 0 OR p99 < 0";
    assert_eq!(scene.get::<i64>(slow)?, 0);
    scene.unharmed()
}

#[test]
fn only_monitors_see_names_of_namespaces_and_only_the_owner_resets() -> Result<()> {
    let mut scene = Scene::new("monitors")?;
    let mut app = scene.role("app", DML)?;
    app.batch_execute("SELECT cache_set('hidden:x', '1')")?;
    for look in [
        "SELECT * FROM cache_stats",
        "SELECT * FROM cache_sizes",
        "SELECT * FROM cache_latency",
        "SELECT * FROM cache_sweeps",
        "SELECT * FROM cache_loads",
        "SELECT * FROM cache_health",
        "SELECT * FROM cache_advice",
        "SELECT * FROM cache_watches",
        "SELECT * FROM cache_stats()",
        "SELECT * FROM cache_health()",
        "SELECT * FROM cache_advice()",
        "SELECT cache_stats_reset()",
        "SELECT cache_persistence('unlogged')",
        "SELECT cache_configure('a', jitter => 1)",
        "SELECT cache_unconfigure('a')",
        "SELECT cache_watch('pg_class', '{a}')",
        "SELECT cache_unwatch('pg_class')",
    ] {
        assert_eq!(run(&mut app, look)?, Err("42501".to_owned()), "{look}");
    }
    let mut monitor = scene.role("monitor", "GRANT pg_monitor TO {role}")?;
    for look in ["SELECT * FROM cache_stats", "SELECT * FROM cache_health", "SELECT * FROM cache_advice"] {
        assert!(run(&mut monitor, look)?.is_ok(), "{look}");
    }
    assert_eq!(run(&mut monitor, "SELECT cache_stats_reset()")?, Err("42501".to_owned()));
    scene.unharmed()
}

#[test]
fn no_setting_of_a_session_changes_what_holds_for_others() -> Result<()> {
    let mut scene = Scene::new("session_settings")?;
    let mut app = scene.role("app", DML)?;
    let settings: Vec<String> = scene.get(
        "SELECT array_agg(name::text ORDER BY name) FROM pg_settings WHERE name LIKE 'cache_pg.%' AND context = 'user'",
    )?;
    // Anybody may set these, for its own session: how long what it writes lives, how it commits, how its own calls answer
    // when they fail, and thresholds of views.
    for name in &settings {
        let known = ["cache_pg.default_ttl", "cache_pg.async_commit", "cache_pg.errors"].contains(&name.as_str())
            || name.starts_with("cache_pg.health_");
        assert!(known, "{name} may be set by anybody: is that harmless?");
    }
    for name in [
        "max_ttl",
        "max_value_size",
        "max_entries",
        "max_size",
        "sweep_interval",
        "max_loaders",
        "load_timeout",
        "loader_share",
        "max_workers",
        "lease",
        "track",
        "log_min_duration",
    ] {
        let outcome = run(&mut app, &format!("SET cache_pg.{name} = 0"))?;
        assert!(matches!(outcome.as_ref().map_err(String::as_str), Err("42501" | "55P02")), "{name}: {outcome:?}");
    }
    scene.unharmed()
}
