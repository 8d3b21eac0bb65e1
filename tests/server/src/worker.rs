//! Giving the worker something to do, and looking at what it does.
//!
//! Must never help it: what a test waits for, the worker has to do by itself.

use anyhow::{Context, Result, anyhow};
use postgres::Client;
use xtask::cluster::{poll, wait_for};

use crate::{PATIENCE, get};

/// How many rows `cache_entries` has, live or not.
///
/// # Errors
/// When there is no such table.
pub fn rows(client: &mut Client) -> Result<i64> {
    get(client, "SELECT count(*) FROM cache_entries")
}

/// Waits until the worker has removed every row. Calls none of the extension's functions: nobody helps it.
///
/// # Errors
/// When it has not in time.
pub fn swept(client: &mut Client) -> Result<()> {
    wait_for(client, "SELECT count(*) = 0 FROM cache_entries", PATIENCE)
}

/// Writes `count` rows with plain SQL, all of which expired long ago, and then one key with a function of the
/// extension, which expires at once. What plain SQL has written is found within a minute; a tag that is invalidated
/// makes the worker look everywhere now.
///
/// # Errors
/// When it cannot write them.
pub fn write_expired(client: &mut Client, count: i32) -> Result<()> {
    client.execute(
        "INSERT INTO cache_entries (key, value, expires_at)
         SELECT 'expired:' || n, to_jsonb(n), '2000-01-01' FROM generate_series(1, $1) AS n
         ON CONFLICT DO NOTHING",
        &[&count],
    )?;
    client.execute("SELECT cache_set('wake', '1', '1 millisecond'), cache_invalidate_tags('wake')", &[])?;
    Ok(())
}

/// The process ids of the server's processes of one kind: `cache_pg launcher` or `cache_pg sweeper`.
///
/// # Errors
/// When the server does not say.
pub fn processes(client: &mut Client, kind: &str) -> Result<Vec<i32>> {
    let rows = client.query("SELECT pid FROM pg_stat_activity WHERE backend_type = $1", &[&kind])?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Waits for the launcher and returns its process id.
///
/// # Errors
/// When there is none in time, or more than one.
pub fn launcher(client: &mut Client) -> Result<i32> {
    let mut found = Vec::new();
    poll(PATIENCE, "the launcher", || {
        found = processes(client, "cache_pg launcher")?;
        Ok(!found.is_empty())
    })?;
    match found[..] {
        [pid] => Ok(pid),
        _ => Err(anyhow!("{} launchers", found.len())),
    }
}

/// Writes rows that are due, and again when they run out, until a sweeper is seen at work on them. Returns its
/// process id.
///
/// # Errors
/// When there is none in time.
pub fn sweeper_at_work(client: &mut Client) -> Result<i32> {
    let sweeper = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'cache_pg sweeper'
                   AND datname = current_database() AND state = 'active' AND query LIKE 'sweeping %.cache_entries from page % of %'";
    let mut pid = None;
    poll(PATIENCE, "a sweeper at work", || {
        if rows(client)? == 0 {
            write_expired(client, 100_000)?;
        }
        pid = client.query_opt(sweeper, &[])?.map(|row| row.get(0));
        Ok(pid.is_some())
    })?;
    pid.context("no sweeper")
}

/// Waits until the launcher has gone round several times from now on: it has seen all that was there.
///
/// # Errors
/// When it has not in time.
pub fn launcher_rounds(client: &mut Client) -> Result<()> {
    let round = "SELECT coalesce(max(state_change)::text, '') FROM pg_stat_activity
                 WHERE backend_type = 'cache_pg launcher'";
    let mut last: String = get(client, round)?;
    let mut rounds = 0;
    poll(PATIENCE, "three rounds of the launcher", || {
        let now: String = get(client, round)?;
        if now != last {
            rounds += 1;
            last = now;
        }
        Ok(rounds >= 3)
    })
}
