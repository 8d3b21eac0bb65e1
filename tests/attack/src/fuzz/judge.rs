//! What must hold of the server after all of it.
//!
//! Must never let anything help the cache before it has been looked at.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use cache_pg_server_tests::{every_verb_works, get};
use postgres::Client;
use xtask::cluster::{Cluster, poll};

use super::{DATABASE, Run};
use crate::log;

/// What is said where the server has no amcheck.
pub const CANNOT_CHECK: &str = "amcheck";

/// What PostgreSQL itself says of two sessions that change the same object at the same moment.
const RACES_OF_POSTGRESQL: [&str; 2] = ["tuple concurrently updated", "tuple concurrently deleted"];

/// Undoes what changes the tables, so that functions show what is there.
const PLAIN: &str = "
    ALTER TABLE cache_entries DISABLE ROW LEVEL SECURITY; ALTER TABLE cache_tags DISABLE ROW LEVEL SECURITY;
    ALTER TABLE cache_namespaces DISABLE ROW LEVEL SECURITY;
    DROP TRIGGER IF EXISTS fuzz ON cache_entries; DROP TRIGGER IF EXISTS fuzz ON cache_tags;
    DROP TRIGGER IF EXISTS fuzz ON cache_namespaces;
    DROP TABLE IF EXISTS fuzz_referring; ALTER TABLE cache_entries DROP CONSTRAINT IF EXISTS fuzz_check";

/// A row that nothing is wrong with, whoever wrote it: it must be a hit.
const SOUND: &str = "
    value IS NOT NULL AND expires_at > clock_timestamp() + interval '20 seconds' AND isfinite(expires_at)
    AND expires_at < now() + interval '31 days' AND octet_length(key) <= 512 AND key !~ '[[:cntrl:]]'
    AND version::text::numeric < pg_snapshot_xmax(pg_current_snapshot())::text::numeric AND version::text::numeric > 2
    AND tags IS NULL AND tag_generations IS NULL AND lease_until IS NULL AND lease_id IS NULL AND stale_until IS NULL
    AND load_us IS NULL AND created_at BETWEEN now() - interval '1 day' AND now()
    AND updated_at BETWEEN now() - interval '1 day' AND now()";

/// Looks at everything; whether amcheck was at hand.
///
/// # Errors
/// With the first thing that does not hold.
pub fn judge(run: &Run) -> Result<bool> {
    let cluster = &run.primary;
    ensure!(cluster.is_running(), "the server is gone");
    let mut owner = cluster.connect(DATABASE)?;
    in_the_log(cluster, run.kills)?;
    ensure!(run.standby.is_running(), "the standby is gone");
    in_the_log(&run.standby, 0)?;
    finish_prepared(&mut owner)?;
    owner.batch_execute(PLAIN)?;
    let checked = check_files(&mut owner)?;
    agrees_with_a_scan(&mut owner)?;
    owner.batch_execute("DELETE FROM cache_namespaces; SELECT cache_clear('w')")?;
    every_verb_works(&mut owner)?;
    ends_up_empty(&mut owner)?;
    in_the_log(cluster, run.kills)?;
    Ok(checked)
}

/// Nothing that no input may cause, beyond the kills that were made.
fn in_the_log(cluster: &Cluster, kills: usize) -> Result<()> {
    let severe: Vec<_> = log::severe(cluster, 0, DATABASE)
        .into_iter()
        .filter(|line| !RACES_OF_POSTGRESQL.iter().any(|race| line.contains(race)))
        .collect();
    let (killed, other): (Vec<_>, Vec<_>) =
        severe.into_iter().partition(|line| line.contains("terminated by signal 9"));
    ensure!(other.is_empty(), "in the log:\n{}", other.join("\n"));
    ensure!(killed.len() <= kills, "more processes died than were killed:\n{}", killed.join("\n"));
    Ok(())
}

fn finish_prepared(owner: &mut Client) -> Result<()> {
    for row in owner.query("SELECT gid FROM pg_prepared_xacts", &[])? {
        owner.batch_execute(&format!("ROLLBACK PREPARED '{}'", row.get::<_, String>(0)))?;
    }
    Ok(())
}

/// Indexes and tables, as amcheck sees them.
fn check_files(owner: &mut Client) -> Result<bool> {
    if !get::<bool>(owner, "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'amcheck')")? {
        return Ok(false);
    }
    owner.batch_execute("CREATE EXTENSION IF NOT EXISTS amcheck")?;
    let ours = "(SELECT c.oid FROM pg_class AS c WHERE c.oid IN ('cache_entries'::regclass, 'cache_tags'::regclass, 'cache_namespaces'::regclass)
                 UNION SELECT reltoastrelid FROM pg_class WHERE oid = 'cache_entries'::regclass)";
    let indexes = format!(
        "SELECT count(bt_index_check(indexrelid, heapallindexed => true)) FROM pg_index WHERE indrelid IN {ours}"
    );
    get::<i64>(owner, &indexes)?;
    for table in ["cache_entries", "cache_tags", "cache_namespaces"] {
        let faults =
            format!("SELECT coalesce(string_agg(msg, '; '), '') FROM verify_heapam('{table}', check_toast => true)");
        let faults: String = get(owner, &faults)?;
        ensure!(faults.is_empty(), "{table}: {faults}");
    }
    Ok(true)
}

/// Every key once, and `cache_get` tells what a sequential scan sees.
fn agrees_with_a_scan(owner: &mut Client) -> Result<()> {
    owner.batch_execute("SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off")?;
    let twice = "SELECT coalesce(string_agg(key, ', '), '') FROM (SELECT key FROM cache_entries GROUP BY key HAVING count(*) > 1) AS d";
    let twice: String = get(owner, twice)?;
    ensure!(twice.is_empty(), "more than one row of: {twice}");
    let missing = format!(
        "SELECT coalesce(string_agg(key, ', '), '') FROM cache_entries WHERE {SOUND} AND cache_get(key) IS DISTINCT FROM value"
    );
    let missing: String = get(owner, &missing)?;
    ensure!(missing.is_empty(), "cache_get does not find what is there: {missing}");
    let invented = "SELECT coalesce(string_agg(key, ', '), '') FROM (
            SELECT key, coalesce(bytes, convert_to(value::text, 'UTF8')) AS held, expires_at, cache_get_bytes(key) AS got
            FROM cache_entries OFFSET 0
        ) AS e WHERE got IS NOT NULL AND (held IS DISTINCT FROM got OR expires_at < now())";
    let invented: String = get(owner, invented)?;
    ensure!(invented.is_empty(), "cache_get finds what is not there: {invented}");
    Ok(())
}

/// Whatever was written, it can be cleared, and what nobody wants any more is removed.
fn ends_up_empty(owner: &mut Client) -> Result<()> {
    owner.batch_execute("RESET ALL; SELECT cache_clear()")?;
    let live: i64 = get(owner, "SELECT count(*) FROM cache_keys(max_keys => 1000000)")?;
    ensure!(live == 0, "{live} keys are live after all were cleared");
    // A row without a value fences its key, for as long as it says, but for no longer than two days.
    let left = "FROM cache_entries
        WHERE num_nonnulls(value, bytes) > 0 OR greatest(expires_at, stale_until) > now() + interval '2 days'";
    let emptied = poll(Duration::from_secs(30), "the table to be empty", || {
        owner.batch_execute("SELECT cache_sweep(1000000), cache_invalidate_tags('wake')")?;
        Ok(get::<i64>(owner, &format!("SELECT count(*) {left}"))? == 0)
    });
    if emptied.is_err() {
        let some = format!("SELECT string_agg(e::text, E'\n') FROM (SELECT * {left} LIMIT 5) AS e");
        bail!("rows that nothing removes:\n{}", get::<String>(owner, &some)?);
    }
    Ok(())
}
