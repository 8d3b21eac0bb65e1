//! What the server tests share: servers with the extension, clients at work, and looking at what the worker does.
//!
//! Must hold no test, and nothing that only one test needs.

mod clients;
mod worker;

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use postgres::Client;
use postgres::types::FromSql;
use xtask::cluster::{Builder, Cluster, LIFETIME_IN_TESTS};

pub use clients::{every_verb_works, or_stop, sqlstate, together, together_with};
pub use worker::{launcher, launcher_rounds, processes, rows, sweeper_at_work, swept, write_expired};

/// How long to wait for what should happen within a second or two, on a machine that is busy with other things.
/// Less than the minute after which the worker looks at a table even though it knows of nothing to do there: what
/// only that finds has been overlooked.
pub const PATIENCE: Duration = Duration::from_secs(45);

/// A new server to be set up and started, of the PostgreSQL under test.
///
/// # Errors
/// When there is none, or the extension is not installed into it.
pub fn server() -> Result<Builder> {
    Ok(Cluster::builder(&xtask::postgres::under_test()?).lifetime(LIFETIME_IN_TESTS))
}

/// `cache_pg.sweep_interval` of [`swift_server`].
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// A new server whose worker comes round every second.
///
/// # Errors
/// As [`server`].
pub fn swift_server() -> Result<Builder> {
    Ok(server()?.conf("cache_pg.sweep_interval", &format!("{}ms", SWEEP_INTERVAL.as_millis())))
}

/// Says that a test could not be made for want of `what`, also where the output of tests that pass is not shown.
///
/// # Errors
/// With `CACHE_PG_ALL` set, where everything must be there.
pub fn left_out(what: &str) -> Result<()> {
    ensure!(std::env::var_os("CACHE_PG_ALL").is_none(), "there is no {what}");
    Ok(writeln!(std::io::stderr(), "left out: there is no {what}")?)
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

    /// A database of this name with the extension, on the server, which `server` sets up unless it runs, and a
    /// connection to it.
    ///
    /// # Errors
    /// When one of them cannot be had.
    pub fn database(&self, name: &str, server: impl FnOnce() -> Result<Builder>) -> Result<(Arc<Cluster>, Client)> {
        let cluster = self.get(|| server()?.start())?;
        let client = create_database(&cluster, name)?;
        Ok((cluster, client))
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
