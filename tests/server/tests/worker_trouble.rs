//! What may get in the worker's way: signals, settings, locks, errors, a stop. It gives way, and it goes on.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use cache_pg_server_tests::{
    PATIENCE, Shared, create_database, create_extension, every_verb_works, get, launcher, launcher_rounds, rows,
    server, sweeper_at_work, swept, swift_server, write_expired,
};
use postgres::Client;
use xtask::cluster::{Cluster, StopMode, poll, wait_for};

static SHARED: Shared = Shared::new();

/// A database of its own on the server of this file.
fn database(name: &str) -> Result<(Arc<Cluster>, Client)> {
    SHARED.database(name, swift_server)
}

#[test]
fn a_terminated_launcher_comes_back_and_has_rows_removed() -> Result<()> {
    let (_cluster, mut client) = database("launcher")?;
    let before = launcher(&mut client)?;
    assert!(get::<bool>(&mut client, &format!("SELECT pg_terminate_backend({before}, 30000)"))?);
    write_expired(&mut client, 100)?;
    swept(&mut client)?;
    assert_ne!(launcher(&mut client)?, before);
    Ok(())
}

#[test]
fn the_work_of_a_terminated_sweeper_is_taken_up_again() -> Result<()> {
    let (_cluster, mut client) = database("sweeper")?;
    poll(PATIENCE, "a sweeper to be terminated before it is done", || {
        let pid = sweeper_at_work(&mut client)?;
        let terminated: bool = get(&mut client, &format!("SELECT pg_terminate_backend({pid}, 30000)"))?;
        Ok(terminated && rows(&mut client)? > 0)
    })?;
    swept(&mut client)
}

/// The worker removes rows in a database where sessions start with these settings.
fn settings_do_not_stop_the_worker(database: &str, settings: &[&str]) -> Result<()> {
    let (_cluster, mut client) = self::database(database)?;
    for setting in settings {
        client.batch_execute(&format!("ALTER DATABASE {database} SET {setting}"))?;
    }
    write_expired(&mut client, 20_000)?;
    swept(&mut client)
}

#[test]
fn settings_made_for_sessions_do_not_stop_the_worker() -> Result<()> {
    settings_do_not_stop_the_worker(
        "settings",
        &[
            "default_transaction_read_only = on",
            "default_transaction_isolation = serializable",
            "statement_timeout = '1ms'",
            "lock_timeout = '1ms'",
            "idle_in_transaction_session_timeout = '1ms'",
            "row_security = off",
            "search_path = nowhere",
        ],
    )
}

#[test]
fn a_timeout_for_transactions_does_not_stop_the_worker() -> Result<()> {
    if xtask::postgres::under_test()?.major < 17 {
        println!("left out: transaction_timeout came with PostgreSQL 17");
        return Ok(());
    }
    settings_do_not_stop_the_worker("transaction_timeout", &["transaction_timeout = '1ms'"])
}

/// What the worker says of a table that it cannot read.
const ALTERED: &str = "table \"cache_entries\" of the cache was altered";

#[test]
fn after_an_error_the_worker_says_so_waits_longer_each_time_and_goes_on_when_it_is_gone() -> Result<()> {
    let (cluster, mut client) = database("failing")?;
    client.batch_execute("BEGIN")?;
    write_expired(&mut client, 10)?;
    client.batch_execute("ALTER TABLE cache_entries ALTER COLUMN load_us TYPE integer; COMMIT")?;
    let oid: u32 = get(&mut client, "SELECT oid FROM pg_database WHERE datname = current_database()")?;
    for attempt in 1..=3_u32 {
        let start = format!("cache_pg sweep failed in database {oid}, attempt {attempt}: {ALTERED}");
        let mut lines = Vec::new();
        poll(PATIENCE, &start, || {
            lines = cluster.log().lines().filter(|line| line.contains(&start)).map(str::to_owned).collect();
            Ok(!lines.is_empty())
        })?;
        assert_eq!(lines.len(), 1, "{lines:?}");
        let (_, pause) = lines[0].rsplit_once("next attempt in ").unwrap();
        let pause: f64 = pause.trim_end_matches(" s").parse()?;
        let step = f64::from(1 << (attempt - 1));
        assert!((step / 2.0 - 0.1..=step + 0.1).contains(&pause), "{lines:?}");
    }
    assert_eq!(rows(&mut client)?, 11);
    client.batch_execute("ALTER TABLE cache_entries ALTER COLUMN load_us TYPE bigint")?;
    swept(&mut client)
}

/// One worker for two databases, in one of which nobody gets past a lock on the table, with rows that are due.
fn a_locked_table_does_not_hold_the_worker(prepare: &str) -> Result<()> {
    let cluster = swift_server()?.conf("cache_pg.max_workers", "0").start()?;
    let mut locked = create_extension(&cluster, "postgres")?;
    locked.batch_execute(prepare)?;
    write_expired(&mut locked, 10)?;
    let mut lock = locked.transaction()?;
    lock.batch_execute("LOCK TABLE cache_entries IN ACCESS EXCLUSIVE MODE")?;
    cluster.set_conf("cache_pg.max_workers", "1")?;
    cluster.reload()?;
    let mut other = create_database(&cluster, "other")?;
    for _ in 0..3 {
        write_expired(&mut other, 10)?;
        swept(&mut other)?;
    }
    let left: i64 = lock.query_one("SELECT count(*) FROM cache_entries", &[])?.try_get(0)?;
    assert_eq!(left, 11);
    lock.commit()?;
    swept(&mut locked)
}

#[test]
fn a_locked_table_does_not_keep_the_worker_from_other_databases() -> Result<()> {
    a_locked_table_does_not_hold_the_worker("")
}

#[test]
fn a_locked_table_with_a_trigger_does_not_keep_the_worker_from_other_databases() -> Result<()> {
    a_locked_table_does_not_hold_the_worker(
        "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN OLD; END$$;
         CREATE TRIGGER look BEFORE DELETE ON cache_entries FOR EACH ROW EXECUTE FUNCTION look()",
    )
}

#[test]
fn a_visit_that_found_the_table_locked_is_made_up_for() -> Result<()> {
    // At this level the log tells of every process that is started.
    let cluster = server()?.conf("cache_pg.sweep_interval", "3s").conf("log_min_messages", "debug1").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    let visits = || cluster.log().matches("starting background worker process \"cache_pg sweeper").count();
    client.execute(
        "INSERT INTO cache_entries (key, value, expires_at) SELECT n, '1', 'infinity' FROM generate_series(1, 100) AS n",
        &[],
    )?;
    // The turn that removes this finds nothing else to do: it leaves the next visit for some seconds later.
    client.execute("SELECT cache_set('expired', '1', '1 millisecond')", &[])?;
    wait_for(&mut client, "SELECT count(*) = 100 FROM cache_entries", PATIENCE)?;
    write_expired(&mut client, 10)?;
    let mut lock = client.transaction()?;
    lock.batch_execute("LOCK TABLE cache_entries IN ACCESS EXCLUSIVE MODE")?;
    let before = visits();
    poll(PATIENCE, "a visit to the locked table", || Ok(visits() > before))?;
    let over = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'cache_pg sweeper')";
    poll(PATIENCE, "its end", || Ok(lock.query_one(over, &[])?.try_get(0)?))?;
    let left: i64 = lock.query_one("SELECT count(*) FROM cache_entries", &[])?.try_get(0)?;
    assert_eq!(left, 111);
    lock.commit()?;
    wait_for(&mut client, "SELECT count(*) = 100 FROM cache_entries", PATIENCE)
}

#[test]
fn no_workers_at_all_and_workers_again_take_effect_with_a_reload() -> Result<()> {
    let cluster = swift_server()?.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    write_expired(&mut client, 10)?;
    swept(&mut client)?;
    cluster.set_conf("cache_pg.max_workers", "0")?;
    cluster.reload()?;
    let gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'cache_pg sweeper')";
    launcher_rounds(&mut client)?;
    wait_for(&mut client, gone, PATIENCE)?;
    write_expired(&mut client, 10)?;
    launcher_rounds(&mut client)?;
    assert_eq!(rows(&mut client)?, 11);
    cluster.set_conf("cache_pg.max_workers", "3")?;
    cluster.reload()?;
    swept(&mut client)
}

#[test]
fn a_shorter_sweep_interval_takes_effect_with_a_reload() -> Result<()> {
    const LIVE_ONLY: &str = "SELECT count(*) = 99 FROM cache_entries";
    let cluster = server()?.conf("cache_pg.sweep_interval", "1d").start()?;
    let mut client = cluster.connect("postgres")?;
    let mut creation = client.transaction()?;
    creation.batch_execute(
        "CREATE EXTENSION cache_pg;
         INSERT INTO cache_entries (key, value, expires_at)
         SELECT n, '1', CASE n WHEN 1 THEN timestamptz '2000-01-01' ELSE 'infinity' END FROM generate_series(1, 100) AS n",
    )?;
    creation.commit()?;
    // CREATE EXTENSION asks for a visit, which finds so little that it leaves the next one for tomorrow.
    wait_for(&mut client, LIVE_ONLY, PATIENCE)?;
    write_expired(&mut client, 10)?;
    cluster.set_conf("cache_pg.sweep_interval", "1s")?;
    cluster.reload()?;
    wait_for(&mut client, LIVE_ONLY, PATIENCE)
}

#[test]
fn a_fast_stop_takes_no_more_than_a_second_while_the_worker_is_at_work() -> Result<()> {
    let cluster = server()?.conf("cache_pg.max_workers", "0").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    write_expired(&mut client, 200_000)?;
    // What a stop takes on this machine, now, and to write out what the load has left in memory, is not the worker's
    // doing.
    client.batch_execute("CHECKPOINT")?;
    let without = cluster.stop(StopMode::Fast)?;
    cluster.start()?;
    client = cluster.connect("postgres")?;
    cluster.set_conf("cache_pg.max_workers", "3")?;
    cluster.reload()?;
    sweeper_at_work(&mut client)?;
    let took = cluster.stop(StopMode::Fast)?;
    assert!(took <= Duration::from_secs(1) + 4 * without, "{took:?}, and {without:?} without a worker");
    cluster.set_conf("cache_pg.max_workers", "0")?;
    cluster.start()?;
    assert_ne!(rows(&mut cluster.connect("postgres")?)?, 0, "the worker had nothing left to do");
    Ok(())
}

#[test]
fn where_no_process_is_free_for_it_the_log_says_so_once() -> Result<()> {
    let cluster =
        swift_server()?.conf("max_worker_processes", "1").conf("max_logical_replication_workers", "0").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    write_expired(&mut client, 10)?;
    let warning = "cache_pg could not start a sweeper";
    poll(PATIENCE, warning, || Ok(cluster.log().contains(warning)))?;
    // It tries again every five seconds, and looks for new databases every second.
    for _ in 0..2 {
        launcher_rounds(&mut client)?;
    }
    assert_eq!(cluster.log().matches(warning).count(), 1);
    assert!(cluster.log().contains("max_worker_processes"));
    every_verb_works(&mut client)
}
