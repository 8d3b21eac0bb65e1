//! The worker passes over pages in which nothing is due, and finds what is due all the same.
//!
//! Every wait but one is shorter than the minute after which a page is read whatever is known of it: what only that
//! finds has been overlooked.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use cache_pg_server_tests::{PATIENCE, Shared, create_database, get, rows, swift_server};
use postgres::Client;
use xtask::cluster::{Cluster, wait_for};

static SHARED: Shared = Shared::new();

/// Entries that stay, on more than a thousand pages.
const LIVE: i64 = 40_000;

/// A database of its own on the server of this file, with many entries that are not due for long, all of which the
/// worker has read.
fn database(name: &str) -> Result<(Arc<Cluster>, Client)> {
    // Autovacuum reads pages, too.
    let (cluster, mut client) = SHARED.database(name, || Ok(swift_server()?.conf("autovacuum", "off")))?;
    fill(&mut client)?;
    for key in ["first", "second"] {
        turn(&mut client, key)?;
    }
    Ok((cluster, client))
}

fn fill(client: &mut Client) -> Result<()> {
    let fill = "SELECT count(cache_set('live:' || n, to_jsonb(repeat('x', 100)), '1 hour')) FROM generate_series(1, $1::bigint) AS n";
    client.execute(fill, &[&LIVE])?;
    Ok(())
}

/// How many pages of the table anybody has looked at, each as often as that.
fn pages_read(client: &mut Client) -> Result<i64> {
    client.batch_execute("SELECT pg_stat_force_next_flush()")?;
    let read = "SELECT heap_blks_read + heap_blks_hit FROM pg_statio_user_tables WHERE relname = 'cache_entries'";
    get(client, read)
}

fn pages(client: &mut Client) -> Result<i64> {
    get(client, "SELECT pg_relation_size('cache_entries') / current_setting('block_size')::bigint")
}

/// Waits for a turn that begins after this: it removes an entry that is due now. Reads through the index alone, because
/// whoever reads the table is counted.
fn turn(client: &mut Client, key: &str) -> Result<()> {
    client.execute("SELECT cache_set($1, '1', '1 millisecond')", &[&key])?;
    gone(client, key, PATIENCE)
}

fn gone(client: &mut Client, key: &str, patience: Duration) -> Result<()> {
    wait_for(client, &format!("SELECT NOT EXISTS (SELECT FROM cache_entries WHERE key = '{key}')"), patience)
}

#[test]
fn turns_over_a_table_where_nothing_is_due_read_next_to_none_of_it() -> Result<()> {
    const TURNS: i64 = 8;
    let (_cluster, mut client) = database("idle")?;
    let (before, pages) = (pages_read(&mut client)?, pages(&mut client)?);
    for number in 0..TURNS {
        turn(&mut client, &format!("due:{number}"))?;
    }
    let read = pages_read(&mut client)? - before;
    assert!(get::<bool>(&mut client, "SELECT pages_skipped > 0 AND pages_read > 0 FROM cache_sweeps")?);
    // One range of 64 pages or two each time, and our own reading. Once round the table is allowed: a minute may have
    // passed.
    assert!(pages > 1_000, "{pages} pages");
    assert!(read < pages + TURNS * 64 * 3, "{TURNS} turns have read {read} of {pages} pages");
    Ok(())
}

#[test]
fn an_entry_that_falls_due_among_others_that_do_not_is_found() -> Result<()> {
    let (_cluster, mut client) = database("due")?;
    for key in ["live:1", "live:20000", "live:40000"] {
        client.execute("SELECT cache_touch($1, '3 seconds')", &[&key])?;
    }
    client.batch_execute("SELECT cache_set_many('{\"a\": 1, \"b\": 2}', '2 seconds')")?;
    wait_for(&mut client, &format!("SELECT count(*) = {LIVE} - 3 FROM cache_entries"), PATIENCE)
}

#[test]
fn what_a_transaction_wrote_that_was_open_during_turns_is_found() -> Result<()> {
    let (cluster, mut client) = database("late")?;
    let mut writer = cluster.connect("late")?;
    let mut open = writer.transaction()?;
    open.execute("SELECT cache_touch('live:20000', '1 millisecond')", &[])?;
    open.execute("SELECT cache_set('late', '1', '1 millisecond')", &[])?;
    for key in ["one", "two", "three"] {
        turn(&mut client, key)?;
    }
    open.commit()?;
    wait_for(&mut client, &format!("SELECT count(*) = {LIVE} - 1 FROM cache_entries"), PATIENCE)
}

#[test]
fn what_a_savepoint_took_back_does_no_harm_and_what_it_kept_is_found() -> Result<()> {
    let (_cluster, mut client) = database("savepoint")?;
    client.batch_execute(
        "BEGIN; SELECT cache_touch('live:1', '1 millisecond'); SAVEPOINT s;
         SELECT cache_touch('live:20000', '1 millisecond'); ROLLBACK TO s; COMMIT",
    )?;
    wait_for(&mut client, &format!("SELECT count(*) = {LIVE} - 1 FROM cache_entries"), PATIENCE)?;
    assert!(get::<bool>(&mut client, "SELECT cache_exists('live:20000')")?);
    Ok(())
}

#[test]
fn what_statements_have_written_is_found() -> Result<()> {
    let (_cluster, mut client) = database("statements")?;
    client.batch_execute("CREATE INDEX ON cache_entries (version)")?;
    client.batch_execute(
        "SELECT cache_touch('live:20000', '1 millisecond'); SELECT cache_set('late', '1', '2 seconds')",
    )?;
    wait_for(&mut client, &format!("SELECT count(*) = {LIVE} - 1 FROM cache_entries"), PATIENCE)
}

#[test]
fn entries_whose_tag_was_invalidated_are_found() -> Result<()> {
    let (_cluster, mut client) = database("tagged")?;
    client.batch_execute(
        "SELECT cache_set('live:' || n, '1', '1 hour', tags => '{t}') FROM unnest('{1,20000,40000}'::int[]) AS n",
    )?;
    turn(&mut client, "between")?;
    client.batch_execute("SELECT cache_invalidate_tags('t')")?;
    wait_for(&mut client, &format!("SELECT count(*) = {LIVE} - 3 FROM cache_entries"), PATIENCE)
}

#[test]
fn rows_are_found_where_they_have_moved_to() -> Result<()> {
    let (_cluster, mut client) = database("moved")?;
    client.batch_execute("SELECT cache_touch('live:40000', '10 seconds')")?;
    turn(&mut client, "before")?;
    client.batch_execute("DELETE FROM cache_entries WHERE key < 'live:3'")?;
    client.batch_execute("VACUUM FULL cache_entries")?;
    let left = rows(&mut client)?;
    wait_for(&mut client, &format!("SELECT count(*) = {left} - 1 FROM cache_entries"), PATIENCE)
}

#[test]
fn what_plain_sql_has_written_is_found_within_about_a_minute() -> Result<()> {
    let (_cluster, mut client) = database("plain")?;
    client.batch_execute("UPDATE cache_entries SET expires_at = '2000-01-01' WHERE key = 'live:20000'")?;
    gone(&mut client, "live:20000", Duration::from_secs(60) + PATIENCE)
}

#[test]
fn everything_is_found_after_a_restart_and_after_a_crash() -> Result<()> {
    let cluster = swift_server()?.start()?;
    let mut client = create_database(&cluster, "restart")?;
    fill(&mut client)?;
    let mut left = LIVE;
    for crash in [false, true] {
        client.batch_execute("SET cache_pg.async_commit = off")?;
        client.execute("SELECT cache_touch('live:' || $1::bigint, '15 seconds')", &[&(left / 2)])?;
        turn(&mut client, "before")?;
        drop(client);
        if crash {
            cluster.kill9()?;
            cluster.start()?;
        } else {
            cluster.restart()?;
        }
        client = cluster.connect("restart")?;
        left -= 1;
        wait_for(&mut client, &format!("SELECT count(*) = {left} FROM cache_entries"), PATIENCE)?;
    }
    Ok(())
}
