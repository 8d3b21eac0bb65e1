//! Without `shared_preload_libraries`: what is missing is said once, with the way to get it, and that way works.

use std::time::Duration;

use anyhow::{Context, Result};
use cache_pg_server_tests::{every_verb_works, get, left_out, rows, server, write_expired};
use xtask::cluster::{Cluster, wait_for};

/// Long enough for a job that runs at each full minute.
const A_MINUTE_AND_A_HALF: Duration = Duration::from_secs(90);

/// Creates the extension with psql and returns all that the user is told.
fn what_create_extension_says(cluster: &Cluster) -> Result<String> {
    let output = cluster.psql_command("postgres").args(["-c", "CREATE EXTENSION cache_pg"]).output()?;
    let told = String::from_utf8(output.stderr)?;
    output.status.success().then_some(told).context("CREATE EXTENSION failed")
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn without_preloading_one_warning_says_how_to_get_what_is_missing() -> Result<()> {
    let cluster = server()?.preload(false).start()?;
    let told = what_create_extension_says(&cluster)?;
    assert_eq!(count(&told, "WARNING:"), 1, "{told}");
    assert!(told.contains("shared_preload_libraries = 'cache_pg'"), "{told}");
    assert!(told.contains("SELECT cron.schedule("), "{told}");
    every_verb_works(&mut cluster.connect("postgres")?)?;
    assert_eq!(count(&cluster.log(), "WARNING:"), 1, "it is said once");
    Ok(())
}

#[test]
fn without_preloading_no_setting_in_the_configuration_file_is_warned_of() -> Result<()> {
    let cluster = server()?
        .preload(false)
        .conf("cache_pg.recency_memory", "16MB")
        .conf("cache_pg.hint_memory", "0")
        .conf("cache_pg.track_namespaces", "10")
        .conf("cache_pg.max_workers", "1")
        .start()?;
    let output = cluster.psql_command("postgres").args(["-c", "LOAD 'cache_pg'"]).output()?;
    let told = String::from_utf8(output.stderr)?;
    assert!(output.status.success() && told.is_empty(), "{told}");
    assert_eq!(cluster.psql("postgres", &["-Atc", "LOAD 'cache_pg'; SHOW cache_pg.recency_memory"])?, "LOAD\n16MB");
    cluster.reload()?;
    let log = cluster.log();
    assert!(!log.contains("cannot be changed") && !log.contains("unrecognized"), "{log}");
    Ok(())
}

#[test]
fn with_preloading_there_is_nothing_to_warn_of() -> Result<()> {
    let cluster = server()?.start()?;
    let told = what_create_extension_says(&cluster)?;
    assert_eq!(told, "");
    Ok(())
}

#[test]
fn without_preloading_every_function_works_and_cache_sweep_removes_what_is_due() -> Result<()> {
    let cluster = server()?.preload(false).start()?;
    what_create_extension_says(&cluster)?;
    let mut client = cluster.connect("postgres")?;
    assert_eq!(get::<i32>(&mut client, "SELECT cache_sweep()")?, 0, "nothing was ever written");
    every_verb_works(&mut client)?;
    let workers: i64 = get(&mut client, "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'cache_pg%'")?;
    assert_eq!(workers, 0);
    client.batch_execute("TRUNCATE cache_entries; SELECT cache_set('live', '1', '1 hour')")?;
    write_expired(&mut client, 2500)?;
    wait_for(&mut client, "SELECT cache_get('wake') IS NULL", A_MINUTE_AND_A_HALF)?;
    let swept: Vec<i32> = (0..5).map(|_| get(&mut client, "SELECT cache_sweep()")).collect::<Result<_>>()?;
    assert_eq!(swept, [1000, 1000, 501, 0, 0]);
    assert_eq!(rows(&mut client)?, 1);
    write_expired(&mut client, 25)?;
    wait_for(&mut client, "SELECT cache_get('wake') IS NULL", A_MINUTE_AND_A_HALF)?;
    let swept: Vec<i32> = (0..4).map(|_| get(&mut client, "SELECT cache_sweep(10)")).collect::<Result<_>>()?;
    assert_eq!(swept, [10, 10, 6, 0]);
    assert!(get::<bool>(&mut client, "SELECT cache_exists('live')")?);
    Ok(())
}

#[test]
fn the_job_for_pg_cron_that_the_warning_suggests_removes_what_is_due() -> Result<()> {
    if !xtask::postgres::under_test()?.extension_dir().join("pg_cron.control").is_file() {
        return left_out("pg_cron");
    }
    let cluster = server()?
        .conf("shared_preload_libraries", "pg_cron")
        .conf("cron.database_name", "postgres")
        .conf("cron.use_background_workers", "on")
        .start()?;
    let told = what_create_extension_says(&cluster)?;
    let (_, job) = told.split_once("SELECT cron.schedule(").context("no job in the warning")?;
    let (job, _) = job.split_once(");").context("the job has no end")?;
    let mut client = cluster.connect("postgres")?;
    client.batch_execute("CREATE EXTENSION pg_cron")?;
    client.batch_execute(&format!("SELECT cron.schedule({job});"))?;
    client.batch_execute("SELECT cache_set('live', '1', '1 hour')")?;
    write_expired(&mut client, 5_000)?;
    wait_for(&mut client, "SELECT count(*) = 1 FROM cache_entries", A_MINUTE_AND_A_HALF)?;
    assert!(get::<bool>(&mut client, "SELECT cache_exists('live')")?);
    Ok(())
}
