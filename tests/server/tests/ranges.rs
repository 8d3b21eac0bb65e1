//! The worker passes over pages in which nothing is due, and finds what is due all the same.
//!
//! A turn that counts the entries reads every page, whatever is known of it. A row that only such a turn finds has been
//! overlooked: [`found_by_its_range`]. In the last three tests a count may help.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use cache_pg_rules::pace;
use cache_pg_server_tests::{PATIENCE, SWEEP_INTERVAL, Shared, create_database, get, rows, swift_server};
use postgres::Client;
use xtask::cluster::{Cluster, wait_for};

static SHARED: Shared = Shared::new();

/// Entries that stay, on more than a thousand pages.
const LIVE: i64 = 40_000;

/// How often [`found_by_its_range`] tries.
const ATTEMPTS: i64 = 8;

/// No turn counts the entries for so long after a count has ended, in seconds.
fn count_every() -> i64 {
    pace::count_every(SWEEP_INTERVAL).as_secs() as i64
}

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
    wait_for(client, &is_gone(key), patience)
}

/// When the last count ended, in microseconds since 1970.
fn counted_at(client: &mut Client) -> Result<i64> {
    get(
        client,
        "SELECT coalesce((extract(epoch FROM counted_at) * 1000000)::bigint, 0) FROM cache_stats WHERE scope = 'total'",
    )
}

/// Waits for the end of a count. Returns when it ended.
fn after_a_count(client: &mut Client) -> Result<i64> {
    let last = counted_at(client)?;
    for _ in 0..10 * count_every() {
        // The sweeper stays away while nothing is due.
        turn(client, "counted")?;
        let now = counted_at(client)?;
        if now > last {
            return Ok(now);
        }
    }
    bail!("no turn counts the entries")
}

/// Waits until a turn that does not count the entries has removed a row.
///
/// `write` makes the row due after a count. It returns when that count ended, and the query that says whether the row
/// is gone. If this takes so long that a count may have found the row, `write` is called again, with the number of the
/// attempt.
fn found_by_its_range(
    client: &mut Client,
    mut write: impl FnMut(&mut Client, i64) -> Result<(i64, String)>,
) -> Result<()> {
    for attempt in 1..=ATTEMPTS {
        let (counted_at, is_gone) = write(client, attempt)?;
        wait_for(client, &is_gone, PATIENCE)?;
        let next_count =
            format!("SELECT clock_timestamp() >= to_timestamp({counted_at} / 1e6) + '{} s'", count_every());
        if !get::<bool>(client, &next_count)? {
            return Ok(());
        }
    }
    bail!("each time a turn that counts the entries may have found it: the others are too slow, or overlook it")
}

fn is_gone(key: &str) -> String {
    format!("SELECT NOT EXISTS (SELECT FROM cache_entries WHERE key = '{key}')")
}

#[test]
fn turns_over_a_table_where_nothing_is_due_read_next_to_none_of_it() -> Result<()> {
    const TURNS: i64 = 8;
    let (_cluster, mut client) = database("idle")?;
    let (start, before, pages) = (Instant::now(), pages_read(&mut client)?, pages(&mut client)?);
    for number in 0..TURNS {
        turn(&mut client, &format!("due:{number}"))?;
    }
    let read = pages_read(&mut client)? - before;
    assert!(get::<bool>(&mut client, "SELECT pages_skipped > 0 AND pages_read > 0 FROM cache_sweeps")?);
    // A turn that counts the entries reads every page. One may have begun before, and another one at once.
    let counts = 2 + start.elapsed().as_secs() as i64 / count_every();
    // One range of 64 pages or two each time, and our own reading.
    assert!(pages > 1_000, "{pages} pages");
    assert!(read < counts * pages + TURNS * 64 * 3, "{TURNS} turns have read {read} of {pages} pages");
    Ok(())
}

#[test]
fn an_entry_that_falls_due_among_others_that_do_not_is_found() -> Result<()> {
    let (_cluster, mut client) = database("due")?;
    for before in [0, LIVE / 2, LIVE - ATTEMPTS] {
        found_by_its_range(&mut client, |client, attempt| {
            let key = format!("live:{}", before + attempt);
            let counted_at = after_a_count(client)?;
            client.execute("SELECT cache_touch($1, '1 second')", &[&key])?;
            Ok((counted_at, is_gone(&key)))
        })?;
    }
    found_by_its_range(&mut client, |client, _| {
        let counted_at = after_a_count(client)?;
        client.batch_execute("SELECT cache_set_many('{\"a\": 1, \"b\": 2}', '1 second')")?;
        Ok((counted_at, "SELECT NOT EXISTS (SELECT FROM cache_entries WHERE key IN ('a', 'b'))".to_owned()))
    })
}

#[test]
fn what_a_transaction_wrote_that_was_open_during_turns_is_found() -> Result<()> {
    let (cluster, mut client) = database("late")?;
    let mut writer = cluster.connect("late")?;
    found_by_its_range(&mut client, |client, attempt| {
        let key = format!("live:{}", LIVE / 2 + attempt);
        let mut open = writer.transaction()?;
        open.execute("SELECT cache_touch($1, '1 millisecond')", &[&key])?;
        open.execute("SELECT cache_set('late', '1', '1 millisecond')", &[])?;
        for key in ["one", "two"] {
            turn(client, key)?;
        }
        let counted_at = after_a_count(client)?;
        open.commit()?;
        Ok((counted_at, format!("SELECT NOT EXISTS (SELECT FROM cache_entries WHERE key IN ('{key}', 'late'))")))
    })
}

#[test]
fn what_a_savepoint_took_back_does_no_harm_and_what_it_kept_is_found() -> Result<()> {
    let (_cluster, mut client) = database("savepoint")?;
    found_by_its_range(&mut client, |client, attempt| {
        let key = format!("live:{attempt}");
        let counted_at = after_a_count(client)?;
        client.batch_execute(&format!(
            "BEGIN; SELECT cache_touch('{key}', '1 millisecond'); SAVEPOINT s;
             SELECT cache_touch('live:20000', '1 millisecond'); ROLLBACK TO s; COMMIT",
        ))?;
        Ok((counted_at, is_gone(&key)))
    })?;
    assert!(get::<bool>(&mut client, "SELECT cache_exists('live:20000')")?);
    Ok(())
}

#[test]
fn what_statements_have_written_is_found() -> Result<()> {
    let (_cluster, mut client) = database("statements")?;
    client.batch_execute("CREATE INDEX ON cache_entries (version)")?;
    found_by_its_range(&mut client, |client, attempt| {
        let key = format!("live:{}", LIVE / 2 + attempt);
        let counted_at = after_a_count(client)?;
        client.execute("SELECT cache_touch($1, '1 millisecond'), cache_set('late', '1', '1 second')", &[&key])?;
        Ok((counted_at, format!("SELECT NOT EXISTS (SELECT FROM cache_entries WHERE key IN ('{key}', 'late'))")))
    })
}

#[test]
fn entries_whose_tag_was_invalidated_are_found() -> Result<()> {
    let (_cluster, mut client) = database("tagged")?;
    found_by_its_range(&mut client, |client, attempt| {
        client.batch_execute(
            "SELECT cache_set('live:' || n, '1', '1 hour', tags => '{t}') FROM unnest('{1,20000,40000}'::int[]) AS n",
        )?;
        turn(client, &format!("between:{attempt}"))?;
        let counted_at = after_a_count(client)?;
        client.batch_execute("SELECT cache_invalidate_tags('t')")?;
        let tagged =
            "SELECT NOT EXISTS (SELECT FROM cache_entries WHERE key IN ('live:1', 'live:20000', 'live:40000'))";
        Ok((counted_at, tagged.to_owned()))
    })
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
