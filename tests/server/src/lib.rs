//! What the server tests share: a server with the extension in one call.
//!
//! Must hold no test, and nothing that only one test needs.

use anyhow::Result;
use postgres::Client;
use xtask::cluster::{Builder, Cluster};

/// A new server to be set up and started, of the PostgreSQL under test.
///
/// # Errors
/// When there is none, or the extension is not installed into it.
pub fn server() -> Result<Builder> {
    Ok(Cluster::builder(&xtask::postgres::under_test()?))
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

/// The one value that `sql`, a query of one row without parameters, returns; SQL NULL is `None`.
///
/// # Errors
/// When the query fails, returns another number of rows, or its value is of another type.
pub fn value<T>(client: &mut Client, sql: &str) -> Result<Option<T>>
where
    T: for<'a> postgres::types::FromSql<'a>,
{
    Ok(client.query_one(sql, &[])?.try_get(0)?)
}
