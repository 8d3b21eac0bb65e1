//! The worker: it removes what is due by itself, all of it and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use cache_pg_server_tests::{
    PATIENCE, Shared, create_extension, get, launcher, processes, rows, sweeper_at_work, swept, swift_server, together,
    write_expired,
};
use postgres::Client;
use xtask::cluster::{Cluster, poll, wait_for};

static SHARED: Shared = Shared::new();

/// A database of its own on the server of this file.
fn database(name: &str) -> Result<(Arc<Cluster>, Client)> {
    SHARED.database(name, swift_server)
}

#[test]
fn expired_rows_vanish_without_anyone_doing_anything() -> Result<()> {
    let (_cluster, mut client) = database("vanish")?;
    client.execute("SELECT cache_set('k' || n, '1', '1 millisecond') FROM generate_series(1, 500) AS n", &[])?;
    client.execute("SELECT cache_set('live', '1', '1 hour')", &[])?;
    wait_for(&mut client, "SELECT count(*) = 1 FROM cache_entries", PATIENCE)?;
    assert!(get::<bool>(&mut client, "SELECT cache_exists('live')")?);
    Ok(())
}

#[test]
fn a_value_that_replaces_an_expired_one_is_never_removed() -> Result<()> {
    const WRITERS: usize = 4;
    let (cluster, mut client) = database("fresh")?;
    let enough = AtomicBool::new(false);
    let written = together(WRITERS + 1, |number| {
        let mut client = cluster.connect("fresh")?;
        if number == WRITERS {
            let removed = "SELECT n_tup_del > 500 FROM pg_stat_user_tables WHERE relname = 'cache_entries'";
            let outcome = wait_for(&mut client, removed, PATIENCE);
            enough.store(true, Ordering::Relaxed);
            return outcome.map(|()| 0);
        }
        let set = client.prepare("SELECT cache_set($1, '1', $2::text)")?;
        let mut keys = 0;
        while !enough.load(Ordering::Relaxed) {
            // Fifty rows expire; while the worker is after them, each gets a new value.
            for ttl in ["1 millisecond", "1 hour"] {
                for key in keys..keys + 50 {
                    client.execute(&set, &[&format!("{number}:{key}"), &ttl])?;
                }
            }
            keys += 50;
        }
        Ok(keys)
    })?;
    let live: i64 = get(&mut client, "SELECT count(*) FROM cache_keys(max_keys => 1000000)")?;
    assert_eq!(live, written.iter().sum::<i64>());
    Ok(())
}

#[test]
fn rows_stay_while_they_may_be_served_stale_and_tombstones_while_they_are_needed() -> Result<()> {
    let (_cluster, mut client) = database("stale")?;
    client.execute("SELECT cache_configure('stale', stale_for => '1 hour')", &[])?;
    client
        .execute("SELECT cache_set(key, '1', '1 millisecond') FROM unnest('{stale:1,other:1}'::text[]) AS key", &[])?;
    client.execute("SELECT cache_delete('tombstone')", &[])?;
    client.execute("SET cache_pg.lease = '100ms'", &[])?;
    client.execute("SELECT cache_delete('short tombstone')", &[])?;
    wait_for(&mut client, "SELECT array_agg(key ORDER BY key) = '{stale:1,tombstone}' FROM cache_entries", PATIENCE)
}

#[test]
fn rows_written_with_plain_sql_are_removed_too() -> Result<()> {
    let (_cluster, mut client) = database("plain")?;
    write_expired(&mut client, 1_000)?;
    swept(&mut client)
}

#[test]
fn what_an_open_transaction_has_written_is_not_forgotten() -> Result<()> {
    let (cluster, mut client) = database("open")?;
    let mut writer = cluster.connect("open")?;
    let mut open = writer.transaction()?;
    open.execute("SELECT cache_set('late', '1', '1 millisecond')", &[])?;
    for _ in 0..2 {
        write_expired(&mut client, 10)?;
        swept(&mut client)?;
    }
    open.commit()?;
    swept(&mut client)
}

#[test]
fn autovacuum_learns_of_the_rows_that_were_removed() -> Result<()> {
    let (_cluster, mut client) = database("counters")?;
    write_expired(&mut client, 3_000)?;
    swept(&mut client)?;
    let counted = "SELECT n_tup_del >= 3000 FROM pg_stat_user_tables WHERE relname = 'cache_entries'";
    wait_for(&mut client, counted, PATIENCE)
}

#[test]
fn one_launcher_and_whoever_sweeps_show_in_pg_stat_activity() -> Result<()> {
    let (_cluster, mut client) = database("activity")?;
    launcher(&mut client)?;
    sweeper_at_work(&mut client)?;
    Ok(())
}

#[test]
fn a_row_that_somebody_has_locked_is_left_until_it_is_released() -> Result<()> {
    let (cluster, mut client) = database("locked")?;
    let mut holder = cluster.connect("locked")?;
    poll(PATIENCE, "the row to be locked before it is swept", || {
        client.execute("SELECT cache_set(key, '1', '1 second') FROM unnest('{locked,free}'::text[]) AS key", &[])?;
        holder.batch_execute("BEGIN")?;
        let is_locked = holder.execute("SELECT FROM cache_entries WHERE key = 'locked' FOR UPDATE", &[])? == 1;
        if !is_locked {
            holder.batch_execute("ROLLBACK")?;
        }
        Ok(is_locked)
    })?;
    wait_for(&mut client, "SELECT NOT EXISTS (SELECT FROM cache_entries WHERE key = 'free')", PATIENCE)?;
    assert_eq!(rows(&mut client)?, 1);
    holder.batch_execute("COMMIT")?;
    swept(&mut client)
}

#[test]
fn a_sweeper_leaves_when_there_may_be_none_however_much_is_written() -> Result<()> {
    let cluster = swift_server()?.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    // So many pages that a turn takes several steps: something has been written before each turn ends.
    client.batch_execute("SELECT cache_set('k:' || n, '1', '1 hour') FROM generate_series(1, 50000) AS n")?;
    let mut write_and_ask = |wanted: &dyn Fn(&[i32]) -> bool| -> Result<bool> {
        client.batch_execute("SELECT cache_set('k', '1', '1 hour')")?;
        Ok(wanted(&processes(&mut client, "cache_pg sweeper")?))
    };
    poll(PATIENCE, "a sweeper", || write_and_ask(&|sweepers| !sweepers.is_empty()))?;
    cluster.set_conf("cache_pg.max_workers", "0")?;
    cluster.reload()?;
    poll(PATIENCE, "it to leave", || write_and_ask(&|sweepers| sweepers.is_empty()))
}
