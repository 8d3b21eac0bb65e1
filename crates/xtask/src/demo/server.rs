//! Owns what the tour needs of a server: a way to its databases.
//!
//! Must never start or stop one.

use std::process::Command;

use anyhow::Result;
use postgres::Client;

use crate::cluster::Cluster;

/// A server that the tour can be shown on.
pub trait Server: Sync {
    /// psql on `database` as a superuser. It stops at the first error. The caller adds its task.
    fn psql_command(&self, database: &str) -> Command;

    /// A connection of a driver to `database` as a superuser.
    ///
    /// # Errors
    /// When the server refuses it, or none but psql reaches it.
    fn connect(&self, database: &str) -> Result<Client>;
}

impl Server for Cluster {
    fn psql_command(&self, database: &str) -> Command {
        self.psql_command(database)
    }

    fn connect(&self, database: &str) -> Result<Client> {
        self.connect(database)
    }
}
