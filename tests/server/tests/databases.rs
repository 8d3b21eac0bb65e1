//! Many databases: each is swept without being listed anywhere, and none is held.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use cache_pg_server_tests::{
    PATIENCE, Shared, create_database, create_extension, get, launcher_rounds, rows, server, swept, swift_server,
    together, write_expired,
};
use postgres::Client;
use xtask::cluster::{Cluster, poll, wait_for};

static SHARED: Shared = Shared::new();

/// More than the worker removes within some seconds.
const MANY: i32 = 100_000;

/// The server of this file, and a connection to its database `postgres`.
fn shared() -> Result<(Arc<Cluster>, Client)> {
    let cluster = SHARED.get(|| swift_server()?.start())?;
    let client = cluster.connect("postgres")?;
    Ok((cluster, client))
}

/// Creates a database that a sweeper is busy in, without any other connection to it.
fn busy_database(cluster: &Cluster, postgres: &mut Client, name: &str) -> Result<()> {
    write_expired(&mut create_database(cluster, name)?, MANY)?;
    sweeping(postgres, name)
}

fn sweeping(client: &mut Client, database: &str) -> Result<()> {
    let sweeper = format!(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'cache_pg sweeper' AND datname = '{database}')
            AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = '{database}')"
    );
    wait_for(client, &sweeper, PATIENCE)
}

#[test]
fn every_database_that_gets_the_extension_is_swept() -> Result<()> {
    let (cluster, _) = shared()?;
    for number in 0..6 {
        let mut client = create_database(&cluster, &format!("number{number}"))?;
        write_expired(&mut client, 100)?;
        swept(&mut client)?;
    }
    Ok(())
}

#[test]
fn the_extension_is_noticed_in_a_database_that_was_found_without_it() -> Result<()> {
    let (cluster, mut postgres) = shared()?;
    postgres.batch_execute("CREATE DATABASE late")?;
    // Nobody else has connected to it yet.
    let visited = "SELECT xact_commit > 0 FROM pg_stat_database WHERE datname = 'late'";
    wait_for(&mut postgres, visited, PATIENCE)?;
    launcher_rounds(&mut postgres)?;
    let mut client = create_extension(&cluster, "late")?;
    write_expired(&mut client, 100)?;
    swept(&mut client)
}

#[test]
fn one_worker_gets_round_to_every_database_however_busy_each_is() -> Result<()> {
    const DATABASES: usize = 4;
    let cluster = swift_server()?.conf("cache_pg.max_workers", "1").start()?;
    for number in 0..DATABASES {
        create_database(&cluster, &format!("busy{number}"))?;
    }
    let swept_everywhere = [const { AtomicBool::new(false) }; DATABASES];
    together(DATABASES, |number| {
        let mut client = cluster.connect(&format!("busy{number}"))?;
        let set = client.prepare("SELECT cache_set($1, '1', '1 millisecond')")?;
        let removed =
            client.prepare("SELECT n_tup_del > 0 FROM pg_stat_user_tables WHERE relname = 'cache_entries'")?;
        let mut key = 0;
        poll(PATIENCE, "every database to be swept", || {
            for _ in 0..20 {
                key += 1;
                client.execute(&set, &[&key.to_string()])?;
            }
            if client.query_one(&removed, &[])?.try_get(0)? {
                swept_everywhere[number].store(true, Ordering::Relaxed);
            }
            Ok(swept_everywhere.iter().all(|swept| swept.load(Ordering::Relaxed)))
        })
    })?;
    Ok(())
}

#[test]
fn a_database_can_be_copied_while_it_is_swept_and_its_copy_is_swept_too() -> Result<()> {
    let (cluster, mut postgres) = shared()?;
    busy_database(&cluster, &mut postgres, "original")?;
    postgres.batch_execute("CREATE DATABASE copy TEMPLATE original")?;
    let mut copy = cluster.connect("copy")?;
    assert_ne!(rows(&mut copy)?, 0);
    swept(&mut copy)
}

#[test]
fn a_database_can_be_renamed_and_dropped_while_it_is_swept() -> Result<()> {
    let (cluster, mut postgres) = shared()?;
    for _ in 0..2 {
        busy_database(&cluster, &mut postgres, "doomed")?;
        postgres.batch_execute("ALTER DATABASE doomed RENAME TO condemned")?;
        sweeping(&mut postgres, "condemned")?;
        postgres.batch_execute("DROP DATABASE condemned")?;
    }
    Ok(())
}

#[test]
fn a_dropped_database_is_forgotten_without_a_noise() -> Result<()> {
    let (cluster, mut postgres) = shared()?;
    busy_database(&cluster, &mut postgres, "gone")?;
    let oid: u32 = get(&mut postgres, "SELECT oid FROM pg_database WHERE datname = 'gone'")?;
    postgres.batch_execute("DROP DATABASE gone WITH (FORCE)")?;
    launcher_rounds(&mut postgres)?;
    launcher_rounds(&mut postgres)?;
    let errors = [format!("database {oid} does not exist"), "database \"gone\" does not exist".to_owned()];
    let log = cluster.log();
    let noise: Vec<_> = log.lines().filter(|line| errors.iter().any(|error| line.contains(error))).collect();
    // One sweeper may have been on its way.
    assert!(noise.len() <= 1, "{} lines such as {}", noise.len(), noise[0]);
    Ok(())
}

#[test]
fn nobody_is_sent_into_databases_that_are_gone() -> Result<()> {
    const DATABASES: i32 = 8;
    let cluster = server()?.start()?;
    let mut postgres = cluster.connect("postgres")?;
    for number in 0..DATABASES {
        let mut client = create_database(&cluster, &format!("gone{number}"))?;
        wait_for(&mut client, "SELECT turns > 0 FROM cache_sweeps", PATIENCE)?;
    }
    // Each is due in ten seconds.
    for number in 0..DATABASES {
        let mut client = cluster.connect(&format!("gone{number}"))?;
        client.batch_execute("SELECT cache_set('k', '1', '1 millisecond')")?;
        drop(client);
        postgres.batch_execute(&format!("DROP DATABASE gone{number} WITH (FORCE)"))?;
    }
    let dropped = Instant::now();
    poll(PATIENCE, "each to be due again, had it not gone", || Ok(dropped.elapsed() > Duration::from_secs(14)))?;
    let log = cluster.log();
    let noise: Vec<_> = log.lines().filter(|line| line.contains("FATAL") && line.contains("does not exist")).collect();
    // One sweeper may have been on its way.
    assert!(noise.len() <= 1, "{noise:?}");
    Ok(())
}

#[test]
fn a_long_vacuum_gives_way_to_whoever_wants_the_table_or_the_database() -> Result<()> {
    // A tenth of a second for each page.
    let cluster = swift_server()?
        .conf("autovacuum", "off")
        .conf("vacuum_cost_delay", "100ms")
        .conf("vacuum_cost_limit", "1")
        .start()?;
    let mut client = create_database(&cluster, "slow")?;
    let mut postgres = cluster.connect("postgres")?;
    write_expired(&mut client, 50_000)?;
    drop(client);
    let mut vacuums = || {
        poll(PATIENCE, "a vacuum", || {
            // What was cancelled is tried again at the next visit, and where nothing is written that is a minute away.
            cluster.connect("slow")?.batch_execute("SELECT cache_set('wake', '1', '1 millisecond')")?;
            let is_vacuuming = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'cache_pg sweeper'
                                               AND query LIKE 'VACUUM%' AND state = 'active' AND datname = 'slow')";
            get(&mut postgres, is_vacuuming)
        })
    };
    vacuums()?;
    let mut client = cluster.connect("slow")?;
    client.batch_execute("SET lock_timeout = '40s'")?;
    client.batch_execute("ALTER TABLE cache_entries SET (fillfactor = 70)")?;
    drop(client);
    for command in ["CREATE DATABASE copy TEMPLATE slow", "DROP DATABASE slow"] {
        vacuums()?;
        cluster.connect("postgres")?.batch_execute(command)?;
    }
    let log = cluster.log();
    assert!(!log.contains("sweep failed") && !log.contains("own a lock"), "{log}");
    Ok(())
}

#[test]
fn the_extension_can_be_dropped_and_created_again_while_its_table_is_swept() -> Result<()> {
    let (cluster, _) = shared()?;
    let mut client = create_database(&cluster, "dropped")?;
    for _ in 0..2 {
        write_expired(&mut client, MANY)?;
        wait_for(&mut client, &format!("SELECT count(*) < {MANY} FROM cache_entries"), PATIENCE)?;
        client.batch_execute("DROP EXTENSION cache_pg; CREATE EXTENSION cache_pg")?;
        assert_eq!(rows(&mut client)?, 0);
    }
    write_expired(&mut client, 100)?;
    swept(&mut client)
}
