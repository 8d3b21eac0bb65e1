//! Owns the streaming standbys of a cluster, and their promotion.
//!
//! Must never share a directory with the primary: a standby is a cluster of its own.

use std::time::Duration;

use anyhow::{Context, Result};

use super::{server::Cluster, wait};
use crate::process;

impl Cluster {
    /// A new hot standby of this server with the same settings; it accepts connections when this returns. Use
    /// [`caught_up`](Self::caught_up) to wait for writes made here.
    ///
    /// # Errors
    /// When the base backup fails or the standby does not start.
    pub fn standby(&self) -> Result<Self> {
        let mut builder = Self::builder(self.installation());
        builder.inherit(self.settings().clone());
        let standby = builder.prepare()?;
        let mut backup = self.installation().command("pg_basebackup");
        backup
            .args(["--checkpoint=fast", "--no-sync", "--wal-method=stream"])
            .args(["--write-recovery-conf", "--dbname"])
            .arg(self.conninfo("postgres"))
            .arg("--pgdata")
            .arg(standby.data_dir());
        process::output(process::as_server_user(&mut backup)?)?;
        standby.settings().write(&standby.data_dir())?;
        standby.start()?;
        Ok(standby)
    }

    /// Waits until `standby` has replayed everything that was written here so far.
    ///
    /// # Errors
    /// When that takes longer than 30 s.
    pub fn caught_up(&self, standby: &Self) -> Result<()> {
        let written: String =
            self.connect("postgres")?.query_one("SELECT pg_current_wal_insert_lsn()::text", &[])?.try_get(0)?;
        let replayed = format!("SELECT pg_last_wal_replay_lsn() >= '{written}'");
        wait::wait_for(&mut standby.connect("postgres")?, &replayed, Duration::from_secs(30))
    }

    /// Makes a standby a primary; it accepts writes when this returns.
    ///
    /// # Errors
    /// When this is not a standby, or the promotion takes longer than 60 s.
    pub fn promote(&self) -> Result<()> {
        let promoted: bool = self.connect("postgres")?.query_one("SELECT pg_promote(true, 60)", &[])?.try_get(0)?;
        promoted.then_some(()).context("the standby was not promoted within 60 s")
    }
}
