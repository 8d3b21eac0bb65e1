//! Owns the PostgreSQL that all SQL contenders share, each with its own database.
//!
//! Everything has its default, except for the settings that every server of this size gets: memory, and enough WAL that
//! no checkpoint falls into one contender's turn and not into another's.
//!
//! Must never change a setting that decides how durable a commit is.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use postgres::Client;
use xtask::cluster::{self, Cluster};
use xtask::{postgres::Installation, process};

use crate::wire::postgres::Connection;

/// A running PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    cluster: Cluster,
}

/// The content of a section of the WAL.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wal {
    /// Bytes of records, without full-page images.
    pub records: u64,
    /// Bytes of full-page images.
    pub images: u64,
}

impl Postgres {
    /// Starts one with `buffers` megabytes of shared buffers.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(installation: &Installation, buffers: u64) -> Result<Self> {
        Self::start_with(installation, buffers, &[])
    }

    /// Starts one with other settings as well.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_with(installation: &Installation, buffers: u64, settings: &[(&str, &str)]) -> Result<Self> {
        let mut builder = Cluster::builder(installation)
            .conf("shared_buffers", &format!("{buffers}MB"))
            .conf("max_connections", "500")
            .conf("max_wal_size", "16GB")
            .conf("checkpoint_timeout", "1h")
            // No other contender evicts, and ten million entries exceed the default limit.
            .conf("cache_pg.max_size", "0");
        for (name, value) in settings {
            builder = builder.conf(name, value);
        }
        Ok(Self { cluster: builder.start()? })
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.cluster.installation().version
    }

    /// Its data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.cluster.data_dir()
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.cluster.dir().join(format!(".s.PGSQL.{}", self.cluster.port()))
    }

    /// A session for measurements.
    ///
    /// # Errors
    /// When the server refuses it.
    pub fn session(&self, database: &str) -> Result<Connection> {
        Connection::open(&self.socket(), database)
    }

    /// A session for other queries.
    ///
    /// # Errors
    /// When the server refuses it.
    pub fn client(&self, database: &str) -> Result<Client> {
        self.cluster.connect(database)
    }

    /// Creates a database, in place of an older one.
    ///
    /// # Errors
    /// When the server returns an error.
    pub fn create_database(&self, name: &str) -> Result<()> {
        self.drop_database(name)?;
        self.client("postgres")?.batch_execute(&format!("CREATE DATABASE \"{name}\""))?;
        Ok(())
    }

    /// Drops a database, if it exists.
    ///
    /// # Errors
    /// When the server returns an error.
    pub fn drop_database(&self, name: &str) -> Result<()> {
        Ok(self.client("postgres")?.batch_execute(&format!("DROP DATABASE IF EXISTS \"{name}\" (FORCE)"))?)
    }

    /// Whether the installed extension has a function of this name.
    ///
    /// # Errors
    /// When the extension cannot be created.
    pub fn has_function(&self, database: &str, name: &str) -> Result<bool> {
        let known = "SELECT EXISTS (SELECT FROM pg_proc WHERE proname = $1)";
        Ok(self.client(database)?.query_one(known, &[&name])?.try_get(0)?)
    }

    /// The end of the WAL.
    ///
    /// # Errors
    /// When the server returns an error.
    pub fn wal_end(&self) -> Result<String> {
        // Everything must be on disk for `wal_between` to read it.
        let mut client = self.client("postgres")?;
        client.batch_execute("SELECT pg_logical_emit_message(true, 'bench', '')")?;
        Ok(client.query_one("SELECT pg_current_wal_flush_lsn()::text", &[])?.try_get(0)?)
    }

    /// What was written to the WAL between two positions.
    ///
    /// # Errors
    /// When pg_waldump is missing or cannot read it.
    pub fn wal_between(&self, start: &str, end: &str) -> Result<Wal> {
        let mut command = self.cluster.installation().command("pg_waldump");
        command.arg("--stats").arg("--path").arg(self.cluster.data_dir().join("pg_wal"));
        command.args(["--start", start, "--end", end]);
        let printed = process::output(process::as_server_user(&mut command)?)?;
        total(&printed).with_context(|| format!("pg_waldump printed no total:\n{printed}"))
    }

    /// Waits until a session has ended: then it has reported its counts.
    ///
    /// # Errors
    /// When that takes longer than 30 s.
    pub fn wait_gone(&self, process: i32) -> Result<()> {
        let gone = format!("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {process})");
        self.wait_for("postgres", &gone, Duration::from_secs(30))
    }

    /// Sets a parameter for the whole server, and waits until a new session has it.
    ///
    /// # Errors
    /// When the configuration cannot be written or read.
    pub fn configure(&self, name: &str, value: &str) -> Result<()> {
        self.cluster.set_conf(name, value)?;
        self.cluster.reload()
    }

    /// Waits until the one value that a query returns is true.
    ///
    /// # Errors
    /// When it is still false after `deadline`.
    pub fn wait_for(&self, database: &str, sql: &str, deadline: Duration) -> Result<()> {
        cluster::wait_for(&mut self.client(database)?, sql, deadline)
    }
}

/// Reads the line `Total 7 350 [90.00%] 40 [10.00%] 390 [100%]` of `pg_waldump --stats`: the count, the bytes of the
/// records, those of the full-page images, and both.
fn total(printed: &str) -> Option<Wal> {
    let line = printed.lines().find(|line| line.starts_with("Total"))?;
    let mut numbers = line.split_whitespace().skip(1).filter(|word| !word.starts_with('['));
    let mut number = || numbers.next()?.parse().ok();
    let (_, records, images): (u64, _, _) = (number()?, number()?, number()?);
    Some(Wal { records, images })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_pg_waldump_is_read() {
        let printed = "WAL statistics between 0/1 and 0/2:\n\
            Type    N      (%)          Record size      (%)             FPI size      (%)        Combined size      (%)\n\
            Heap    7 ( 99.00)                  350 ( 90.00)                   40 ( 10.00)                  390 (100.00)\n\
            \x20      --------                      --------                      --------                      --------\n\
            Total   8                           360 [90.00%]                   40 [10.00%]                  400 [100%]\n";
        let wal = total(printed).unwrap();
        assert_eq!((wal.records, wal.images), (360, 40));
        assert!(total("").is_none());
    }
}
