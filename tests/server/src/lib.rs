//! What the server tests share: servers with the extension, clients at work, and looking at what the worker does.
//!
//! Must hold no test, and nothing that only one test needs.

use std::sync::{Arc, Barrier, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use postgres::Client;
use postgres::error::SqlState;
use postgres::types::FromSql;
use xtask::cluster::{Builder, Cluster, poll, wait_for};

/// How long to wait for what should happen within a second or two, on a machine that is busy with other things.
/// Less than the minute after which the worker looks at a table even though it knows of nothing to do there: what
/// only that finds has been overlooked.
pub const PATIENCE: Duration = Duration::from_secs(45);

/// A new server to be set up and started, of the PostgreSQL under test.
///
/// # Errors
/// When there is none, or the extension is not installed into it.
pub fn server() -> Result<Builder> {
    Ok(Cluster::builder(&xtask::postgres::under_test()?))
}

/// A new server whose worker comes round every second.
///
/// # Errors
/// As [`server`].
pub fn swift_server() -> Result<Builder> {
    Ok(server()?.conf("cache_pg.sweep_interval", "1s"))
}

/// A running server with default settings, and a connection to its database `postgres`, in which the
/// extension has been created.
///
/// # Errors
/// When the server does not start or the extension cannot be created.
pub fn with_extension() -> Result<(Cluster, Client)> {
    let cluster = server()?.start()?;
    let client = create_extension(&cluster, "postgres")?;
    Ok((cluster, client))
}

/// Creates the extension in `database` of `cluster` and returns the connection that did.
///
/// # Errors
/// When it cannot be created.
pub fn create_extension(cluster: &Cluster, database: &str) -> Result<Client> {
    let mut client = cluster.connect(database)?;
    client.batch_execute("CREATE EXTENSION cache_pg")?;
    Ok(client)
}

/// Creates `database` with the extension in it, and returns a connection to it.
///
/// # Errors
/// When one of them cannot be created.
pub fn create_database(cluster: &Cluster, database: &str) -> Result<Client> {
    cluster.connect("postgres")?.batch_execute(&format!("CREATE DATABASE {database}"))?;
    create_extension(cluster, database)
}

/// A server that the tests of one file share, each in a database of its own. It ends with the last test that
/// uses it: nothing outlives the tests, as it would in a plain static.
#[derive(Debug, Default)]
pub struct Shared(Mutex<Weak<Cluster>>);

impl Shared {
    /// Not started yet.
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The server, started now by `start` unless another test is using it.
    ///
    /// # Errors
    /// Those of `start`.
    pub fn get(&self, start: impl FnOnce() -> Result<Cluster>) -> Result<Arc<Cluster>> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = shared.upgrade() {
            return Ok(cluster);
        }
        let cluster = Arc::new(start()?);
        *shared = Arc::downgrade(&cluster);
        Ok(cluster)
    }
}

/// The one value that `sql`, a query of one row without parameters, returns; SQL NULL is `None`.
///
/// # Errors
/// When the query fails, returns another number of rows, or its value is of another type.
pub fn value<T>(client: &mut Client, sql: &str) -> Result<Option<T>>
where
    T: for<'a> FromSql<'a>,
{
    Ok(client.query_one(sql, &[]).with_context(|| sql.to_owned())?.try_get(0)?)
}

/// As [`value`], for a query whose value is never SQL NULL.
///
/// # Errors
/// As [`value`], and when it is SQL NULL after all.
pub fn get<T>(client: &mut Client, sql: &str) -> Result<T>
where
    T: for<'a> FromSql<'a>,
{
    value(client, sql)?.with_context(|| format!("NULL from {sql}"))
}

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
/// extension, which expires at once: the worker looks for what is due where something was written.
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
    client.execute("SELECT cache_set('wake', '1', '1 millisecond')", &[])?;
    Ok(())
}

/// Calls every function of the extension that applications use, on keys of the namespace `w`, and leaves none.
///
/// # Errors
/// When one raises or does not do what it is for; the message has the call.
pub fn every_verb_works(client: &mut Client) -> Result<()> {
    for call in [
        "cache_set('w:a', '1', '1 hour') > now()",
        "cache_try_set('w:b', '1', '1 hour')",
        "cache_add('w:c', '1')",
        "cache_replace('w:c', '2')",
        "cache_cas('w:c', '3', (SELECT version FROM cache_entry('w:c')))",
        "cache_touch('w:c', '1 hour')",
        "cache_get('w:c') = '3'",
        "cache_get_or_null('w:c') = '3'",
        "cache_exists('w:c')",
        "cache_ttl('w:c') > '0'",
        "cache_expires_at('w:c') > now()",
        "cache_incr('w:n') = 1",
        "cache_set_many('{\"w:d\": 1}') = 1",
        "(SELECT count(*) FROM cache_get_many('{w:c,w:n}')) = 2",
        "(SELECT count(*) FROM cache_keys('w')) = 5",
        "cache_delete('w:a')",
        "cache_delete_many('{w:b,w:d}') = 2",
        "cache_take('w:c') = '3'",
        "cache_clear('w') = 1",
        "cache_sweep() >= 0",
    ] {
        let works: bool = get(client, &format!("SELECT {call}"))?;
        ensure!(works, "not so: {call}");
    }
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

/// The SQLSTATE that the server refused a statement with.
///
/// # Errors
/// When it did not refuse it, or the connection broke.
pub fn sqlstate<T>(outcome: Result<T, postgres::Error>) -> Result<SqlState> {
    match outcome {
        Ok(_) => Err(anyhow!("it was not refused")),
        Err(error) => error.code().cloned().ok_or_else(|| error.into()),
    }
}

/// Runs `work` in `count` threads that start at the same moment, and returns what each returned, in order.
///
/// # Errors
/// The first error of a thread.
pub fn together<T: Send>(count: usize, work: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    together_with(count, |_| Ok(()), |number, ()| work(number))
}

/// As [`together`], after each thread has made its `state`, such as a connection.
///
/// # Errors
/// The first error of a thread.
pub fn together_with<S, T: Send>(
    count: usize,
    state: impl Fn(usize) -> Result<S> + Sync,
    work: impl Fn(usize, S) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let start = Barrier::new(count);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| {
                let (start, state, work) = (&start, &state, &work);
                scope.spawn(move || {
                    let state = state(number);
                    start.wait();
                    work(number, state?).with_context(|| format!("client {number}"))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a client panicked"))?).collect()
    })
}
