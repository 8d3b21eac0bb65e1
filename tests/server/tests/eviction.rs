//! A limit on the size: it holds, what is read stays, and nobody waits or fails for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use cache_pg_server_tests::{PATIENCE, create_database, create_extension, get, server, swift_server, together, value};
use cache_pg_simulator::heap::Parts;
use cache_pg_simulator::run::{Contender, replay};
use cache_pg_simulator::trace::{Trace, zipf};
use postgres::Client;
use xtask::cluster::{Builder, Cluster, poll, wait_for};

const ENTRIES: &str = "SELECT count(*) FROM cache_entries WHERE value IS NOT NULL";

/// A server whose caches hold so many entries.
fn bounded(most: u64) -> Result<Builder> {
    Ok(swift_server()?.conf("cache_pg.max_entries", &most.to_string()))
}

/// Such a server, started, with the extension.
fn limited(most: u64) -> Result<(Cluster, Client)> {
    let cluster = bounded(most)?.start()?;
    let client = create_extension(&cluster, "postgres")?;
    Ok((cluster, client))
}

/// Sets `count` new keys of a namespace, each in a transaction of its own.
fn set(client: &mut Client, namespace: &str, count: i64) -> Result<()> {
    let set = client.prepare("SELECT cache_set($1, to_jsonb(repeat('x', 100)), '1 hour')")?;
    for number in 0..count {
        client.execute(&set, &[&format!("{namespace}:{number}")])?;
    }
    Ok(())
}

/// Runs `work` while another connection looks how many entries there are, and returns the most that it has seen.
fn peak(cluster: &Cluster, work: impl FnOnce() -> Result<()>) -> Result<i64> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let (mut client, mut most) = (cluster.connect("postgres")?, 0);
            while !over.load(Ordering::Relaxed) {
                most = most.max(get(&mut client, ENTRIES)?);
            }
            Ok::<_, anyhow::Error>(most)
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        let most = watcher.join().map_err(|_| anyhow::anyhow!("the watcher panicked"))??;
        done.map(|()| most)
    })
}

#[test]
fn p8_the_limit_holds_in_a_burst_of_ten_times_as_many() -> Result<()> {
    const MOST: i64 = 20_000;
    const CLIENTS: i64 = 4;
    let (cluster, mut client) = limited(MOST as u64)?;
    let most = peak(&cluster, || {
        together(CLIENTS as usize, |number| {
            set(&mut cluster.connect("postgres")?, &format!("burst{number}"), 10 * MOST / CLIENTS)
        })
        .map(drop)
    })?;
    // Entries that an eviction removes are still to be seen until its commit: at most 1000 for each writer, who evicts
    // no more at a commit, and 250 of a step of the sweeper.
    assert!(most <= MOST + CLIENTS * 1000 + 250, "there were {most}");
    wait_for(&mut client, &format!("SELECT count(*) <= {MOST} FROM cache_entries"), PATIENCE)?;
    let left: i64 = get(&mut client, ENTRIES)?;
    assert!(left as f64 > 0.8 * MOST as f64, "{left} are left");
    assert!(get::<bool>(
        &mut client,
        "SELECT evicted >= 160000 AND evicted_age > 0 FROM cache_stats WHERE scope = 'total'"
    )?);
    Ok(())
}

#[test]
fn p8_a_limit_in_bytes_holds_too() -> Result<()> {
    let cluster = swift_server()?.conf("cache_pg.max_size", "1MB").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    let set = client.prepare("SELECT cache_set('k:' || $1::integer, to_jsonb(repeat(md5($1::text), 31)), '1 hour')")?;
    let held = "SELECT coalesce(sum(pg_column_size(e) + 24 + 2 * length(key)), 0)::bigint FROM cache_entries AS e";
    let mut most = 0;
    for number in 0..10_000 {
        client.execute(&set, &[&number])?;
        if number % 100 == 0 {
            most = most.max(get::<i64>(&mut client, held)?);
        }
    }
    assert!(most as f64 <= 1.25 * 1_048_576.0, "there were {most} bytes");
    assert!(most as f64 > 0.5 * 1_048_576.0, "there were {most} bytes");
    Ok(())
}

#[test]
fn one_statement_that_sets_more_than_the_limit_succeeds_and_is_trimmed() -> Result<()> {
    let (_cluster, mut client) = limited(1_000)?;
    client.execute("SELECT cache_set('bulk:' || n, '1', '1 hour') FROM generate_series(1, 20000) AS n", &[])?;
    wait_for(&mut client, "SELECT count(*) <= 1000 FROM cache_entries", PATIENCE)
}

#[test]
fn what_is_read_stays_and_what_is_not_goes() -> Result<()> {
    let (_cluster, mut client) = limited(2_000)?;
    set(&mut client, "hot", 500)?;
    let read = client.prepare("SELECT count(cache_get('hot:' || n)) FROM generate_series(0, 499) AS n")?;
    for round in 0..20 {
        client.execute(&read, &[])?;
        set(&mut client, &format!("cold{round}"), 500)?;
    }
    let hot: i64 = client.query_one(&read, &[])?.get(0);
    assert!(hot >= 475, "{hot} of 500 are left");
    Ok(())
}

#[test]
fn to_look_at_the_table_is_not_to_use_it() -> Result<()> {
    let (_cluster, mut client) = limited(2_000)?;
    set(&mut client, "seen", 500)?;
    set(&mut client, "used", 500)?;
    let read = client.prepare("SELECT count(cache_get('used:' || n)) FROM generate_series(0, 499) AS n")?;
    for round in 0..20 {
        client.execute(&read, &[])?;
        client.batch_execute("SELECT * FROM cache_entries; SELECT cache_keys('seen')")?;
        set(&mut client, &format!("cold{round}"), 500)?;
    }
    // How many are left of what nobody uses depends on how the worker and the writers share the work.
    let [seen, used]: [i64; 2] = [
        get(&mut client, "SELECT count(*) FROM cache_keys('seen')")?,
        get(&mut client, "SELECT count(*) FROM cache_keys('used')")?,
    ];
    assert!(seen < used / 2, "{seen} of 500 are left that were looked at, and {used} of 500 that were used");
    Ok(())
}

#[test]
fn a_namespace_may_have_a_limit_of_its_own() -> Result<()> {
    let (_cluster, mut client) = limited(100_000)?;
    client.batch_execute("SELECT cache_configure('small', max_entries => 300)")?;
    set(&mut client, "large", 1_000)?;
    set(&mut client, "small", 3_000)?;
    wait_for(&mut client, "SELECT count(*) <= 300 FROM cache_entries WHERE key LIKE 'small:%'", PATIENCE)?;
    assert_eq!(get::<i64>(&mut client, "SELECT count(*) FROM cache_keys('large')")?, 1_000);
    assert!(get::<i64>(&mut client, "SELECT count(*) FROM cache_keys('small')")? > 200);
    Ok(())
}

#[test]
fn a_namespace_may_have_a_limit_in_bytes_of_its_own() -> Result<()> {
    let (_cluster, mut client) = limited(100_000)?;
    client.batch_execute("SELECT cache_configure('small', max_size => 100000)")?;
    set(&mut client, "large", 1_000)?;
    set(&mut client, "small", 3_000)?;
    let size = "(SELECT sum(pg_column_size(e)) FROM cache_entries AS e WHERE key LIKE 'small:%')";
    wait_for(&mut client, &format!("SELECT {size} <= 100000"), PATIENCE)?;
    assert_eq!(get::<i64>(&mut client, "SELECT count(*) FROM cache_keys('large')")?, 1_000);
    assert!(get::<bool>(&mut client, &format!("SELECT {size} > 30000"))?);
    Ok(())
}

#[test]
fn without_workers_writers_hold_the_limit_times_its_factor() -> Result<()> {
    for (factor, least, most) in [("1.1", 900, 1_100), ("1.5", 1_300, 1_500)] {
        let cluster = server()?
            .conf("cache_pg.max_workers", "0")
            .conf("cache_pg.max_entries", "1000")
            .conf("cache_pg.eviction_factor", factor)
            .start()?;
        let mut client = create_extension(&cluster, "postgres")?;
        set(&mut client, "k", 3_000)?;
        let held: i64 = get(&mut client, ENTRIES)?;
        assert!((least..=most).contains(&held), "{held} are held with a factor of {factor}");
    }
    Ok(())
}

#[test]
fn a_truncated_cache_has_room_again() -> Result<()> {
    let (_cluster, mut client) = limited(1_000)?;
    set(&mut client, "first", 1_500)?;
    client.batch_execute("TRUNCATE cache_entries")?;
    set(&mut client, "second", 500)?;
    // The hand has counted, and left them alone.
    wait_for(&mut client, "SELECT entries BETWEEN 450 AND 500 FROM cache_stats WHERE namespace = 'second'", PATIENCE)
}

#[test]
fn a_dropped_database_leaves_no_entries_to_the_next_one() -> Result<()> {
    let cluster =
        swift_server()?.conf("cache_pg.max_entries", "1000").conf("cache_pg.track_namespaces", "2").start()?;
    let mut observer = create_extension(&cluster, "postgres")?;
    let mut first = create_database(&cluster, "first")?;
    set(&mut first, "one", 450)?;
    set(&mut first, "two", 450)?;
    drop(first);
    observer.batch_execute("DROP DATABASE first WITH (FORCE)")?;
    let own = "SELECT count(*) = 1 FROM cache_stats WHERE namespace = 'three'";
    poll(PATIENCE, "the database to be forgotten", || {
        let mut client = cluster.connect("postgres")?;
        client.batch_execute("SELECT cache_set('three:1', '1', '1 hour')")?;
        get(&mut client, own)
    })?;
    // What is counted of the first would leave room for a hundred.
    let mut second = create_database(&cluster, "second")?;
    set(&mut second, "four", 500)?;
    let written: String = get(&mut second, "SELECT clock_timestamp()::text")?;
    let counted = format!("SELECT counted_at > '{written}' FROM cache_stats WHERE scope = 'total'");
    wait_for(&mut second, &counted, PATIENCE)?;
    assert_eq!(get::<i64>(&mut second, ENTRIES)?, 500);
    Ok(())
}

#[test]
fn without_preloading_the_cache_stays_bounded_and_the_oldest_go() -> Result<()> {
    const MOST: i64 = 3_000;
    let cluster = server()?.preload(false).start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(&format!("SET cache_pg.max_entries = {MOST}"))?;
    for round in 0..10 {
        set(&mut client, &format!("round{round}"), MOST)?;
    }
    let left: i64 = get(&mut client, ENTRIES)?;
    assert!(left as f64 <= 1.25 * MOST as f64 && left as f64 > 0.5 * MOST as f64, "{left} are left");
    let young: i64 = get(&mut client, "SELECT count(*) FROM cache_entries WHERE key LIKE 'round9:%'")?;
    assert!(young as f64 > 0.5 * left as f64, "{young} of {left} are of the last round");
    Ok(())
}

#[test]
fn p2_an_eviction_takes_no_tombstone_and_no_lease() -> Result<()> {
    // Neither ends by itself meanwhile.
    let cluster = swift_server()?.conf("cache_pg.max_entries", "500").conf("cache_pg.lease", "1h").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    let token: String = get(&mut client, "SELECT token FROM cache_fetch('leased')")?;
    let late: String = get(&mut client, "SELECT token FROM cache_fetch('deleted')")?;
    client.batch_execute("SELECT cache_delete('deleted')")?;
    for round in 0..10 {
        set(&mut client, &format!("cold{round}"), 500)?;
    }
    let kept: i64 = get(&mut client, "SELECT count(*) FROM cache_entries WHERE key IN ('leased', 'deleted')")?;
    assert_eq!(kept, 2);
    let filled =
        client.query_one("SELECT cache_fill('leased', '1', $1), cache_fill('deleted', '1', $2)", &[&token, &late])?;
    assert_eq!((filled.get::<_, bool>(0), filled.get::<_, bool>(1)), (true, false));
    Ok(())
}

#[test]
fn p5_nobody_who_writes_near_the_limit_fails_or_waits_for_another() -> Result<()> {
    let (cluster, mut client) = limited(500)?;
    set(&mut client, "first", 600)?;
    // Transactions that hold what they have written, and evict at their commit what others want to write.
    let levels = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"];
    let cluster = Arc::new(cluster);
    let failures = together(8, |number| {
        let mut client = cluster.connect("postgres")?;
        client.batch_execute("SET lock_timeout = '5s'")?;
        let mut failures = 0;
        for round in 0..100 {
            let keys = (0..20).map(|key| format!("cache_set('n{number}:{}', '1')", (round * 20 + key) % 300));
            let calls = keys.collect::<Vec<_>>().join(", ");
            let level = levels[number % levels.len()];
            let outcome = client.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}; SELECT {calls}; COMMIT"));
            if let Err(error) = outcome {
                ensure!(level == "SERIALIZABLE", "{error:?}");
                failures += 1;
                client.batch_execute("ROLLBACK")?;
            }
        }
        Ok(failures)
    })?;
    assert!(failures.iter().sum::<i32>() < 100, "{failures:?}");
    Ok(())
}

#[test]
fn p8_the_files_stay_small_however_much_comes_and_goes() -> Result<()> {
    const MOST: i64 = 5_000;
    let (cluster, mut client) = limited(MOST as u64)?;
    let mut sizes = Vec::new();
    for round in 0..9 {
        together(2, |number| set(&mut cluster.connect("postgres")?, &format!("r{round}n{number}"), MOST))?;
        sizes.push(get::<i64>(&mut client, "SELECT pg_total_relation_size('cache_entries')")?);
    }
    // All of it is replaced twice a round, as fast as can be: without a vacuum the files would grow by as much in each.
    assert!(sizes[8] <= 2 * sizes[2], "{sizes:?}");
    assert!(get::<bool>(
        &mut client,
        "SELECT vacuum_count > 0 FROM pg_stat_user_tables WHERE relname = 'cache_entries'"
    )?);
    Ok(())
}

#[test]
fn whoever_has_locked_the_table_is_neither_waited_for_nor_warned_of() -> Result<()> {
    const MOST: i64 = 5_000;
    let (cluster, mut client) = limited(MOST as u64)?;
    let vacuums = "SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'cache_entries'";
    let mut other = cluster.connect("postgres")?;
    // As another VACUUM does, or whoever builds an index CONCURRENTLY.
    other.batch_execute("BEGIN; LOCK TABLE cache_entries IN SHARE UPDATE EXCLUSIVE MODE")?;
    let before: i64 = get(&mut client, vacuums)?;
    set(&mut client, "k", 4 * MOST)?;
    wait_for(&mut client, &format!("SELECT entries <= {MOST} FROM cache_stats WHERE scope = 'total'"), PATIENCE)?;
    assert_eq!(get::<i64>(&mut client, vacuums)?, before);
    assert!(!cluster.log().contains("WARNING"), "{}", cluster.log());
    other.batch_execute("COMMIT")?;
    poll(PATIENCE, "a vacuum", || {
        set(&mut client, "k", MOST / 10)?;
        Ok(get::<i64>(&mut client, vacuums)? > before)
    })
}

#[test]
fn the_hit_ratio_is_that_of_the_simulator() -> Result<()> {
    const MOST: u64 = 3_000;
    let keys = zipf(1, 0.9, 30_000, 100_000);
    // Without a sweeper writers evict, and so late that there is never as much room as it makes.
    for (workers, factor, keys) in [("3", "1.05", keys.as_slice()), ("0", "1.0", &keys[..40_000])] {
        let trace = Trace::new("replayed", keys.iter().map(|&key| (key, 1)));
        let simulated = replay(&trace, Contender::Ours(Parts::ALL), MOST).hits / 100.0;
        let server = bounded(MOST)?.conf("cache_pg.max_workers", workers).conf("cache_pg.eviction_factor", factor);
        let cluster = server.start()?;
        let mut client = create_extension(&cluster, "postgres")?;
        let request = client.prepare("SELECT CASE WHEN cache_get($1) IS NULL THEN cache_set($1, '1', '1 hour') END")?;
        for key in keys {
            client.execute(&request, &[&format!("k:{key}")])?;
        }
        let reached: f64 = get(&mut client, "SELECT hit_ratio FROM cache_stats WHERE scope = 'total'")?;
        let is_it = (reached - simulated).abs() < 0.02;
        assert!(is_it, "{reached} where the simulator has {simulated}, with {workers} workers");
    }
    Ok(())
}

/// Reads, and fills, a loop over half as many keys again as there is room for: the next of them is always one that has
/// gone.
fn loop_over(client: &mut Client, room: i64) -> Result<()> {
    for _ in 0..6 {
        for number in 0..room * 3 / 2 {
            client.execute(
                "SELECT CASE WHEN cache_get($1) IS NULL THEN cache_set($1, '1', '1 hour') END",
                &[&format!("loop:{number}")],
            )?;
        }
    }
    Ok(())
}

/// Waits for an advice to give more room, and returns the statement that does.
fn advised_room(client: &mut Client) -> Result<String> {
    let mut statement = None;
    poll(PATIENCE, "an advice", || {
        statement = value(client, "SELECT max(statement) FROM cache_advice WHERE advice LIKE '%limit on the size%'")?;
        Ok(statement.is_some())
    })?;
    statement.context("no statement")
}

#[test]
fn what_more_room_would_give_is_told() -> Result<()> {
    let (_cluster, mut client) = limited(1_000)?;
    loop_over(&mut client, 1_000)?;
    let ratio = |client: &mut Client, size: f64| -> Result<f64> {
        let sql = format!("SELECT hit_ratio FROM cache_sizes WHERE scope = 'total' AND size = {size}");
        get(client, &sql)
    };
    let (now, twice) = (ratio(&mut client, 1.0)?, ratio(&mut client, 2.0)?);
    assert!(now < 0.6 && twice > 0.7, "{now} now, {twice} at twice the size");
    let statement = advised_room(&mut client)?;
    assert!(statement.starts_with("ALTER SYSTEM SET cache_pg.max_entries = 2000"), "{statement}");
    Ok(())
}

#[test]
fn a_namespace_with_a_limit_of_its_own_is_advised_to_raise_that() -> Result<()> {
    let (_cluster, mut client) = limited(1_000_000)?;
    client.batch_execute("SELECT cache_configure('loop', max_entries => 1000)")?;
    loop_over(&mut client, 1_000)?;
    assert_eq!(advised_room(&mut client)?, "SELECT cache_configure('loop', max_entries => 2000)");
    Ok(())
}
