//! Owns what all SQL contenders share: a database for each space, a schema, and a session with its settings.
//!
//! Must never hold a statement.

use std::sync::Arc;

use anyhow::Result;

use super::session::{Contender, Session};
use crate::{operation::Operation, servers::postgres::Postgres, wire::postgres::Connection};

/// The parts of an SQL contender that its own file defines.
pub trait Sql: Send + Sync + 'static {
    /// Its name in tables.
    fn name(&self) -> &'static str;

    /// Whether it supports this operation.
    fn offers(&self, _operation: Operation) -> bool {
        true
    }

    /// The statements that create its tables.
    fn schema(&self) -> String;

    /// The statements at the start of every session.
    fn settings(&self) -> &'static str {
        ""
    }

    /// The table whose WAL and updates can be counted.
    fn table(&self) -> Option<&'static str>;

    /// Prepares its statements.
    ///
    /// # Errors
    /// When the server rejects one.
    fn session(&self, connection: Connection) -> Result<Box<dyn Session>>;
}

/// `$1, $2, …`: `count` parameters.
pub fn parameters(count: usize) -> String {
    (1..=count).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ")
}

/// A contender and its server.
pub struct OnPostgres<S> {
    server: Arc<Postgres>,
    sql: S,
}

impl<S: Sql> OnPostgres<S> {
    /// Puts a contender on a server.
    pub fn boxed(server: &Arc<Postgres>, sql: S) -> Box<dyn Contender> {
        Box::new(Self { server: Arc::clone(server), sql })
    }

    fn database(&self, space: &str) -> String {
        format!("{} in {space}", self.sql.name())
    }
}

impl<S: Sql> Contender for OnPostgres<S> {
    fn name(&self) -> &'static str {
        self.sql.name()
    }

    fn offers(&self, operation: Operation) -> bool {
        self.sql.offers(operation)
    }

    fn create(&self, space: &str) -> Result<()> {
        let database = self.database(space);
        self.server.create_database(&database)?;
        self.server.session(&database)?.run(&self.sql.schema())
    }

    fn remove(&self, space: &str) -> Result<()> {
        self.server.drop_database(&self.database(space))
    }

    /// Sets hint bits, visibility and statistics, as autovacuum would sooner or later.
    fn settle(&self, space: &str) -> Result<()> {
        self.server.session(&self.database(space))?.run("VACUUM (ANALYZE)")
    }

    fn connect(&self, space: &str) -> Result<Box<dyn Session>> {
        let mut connection = self.server.session(&self.database(space))?;
        let settings = self.sql.settings();
        if !settings.is_empty() {
            connection.run(settings)?;
        }
        self.sql.session(connection)
    }

    fn table(&self, space: &str) -> Option<(String, &'static str)> {
        Some((self.database(space), self.sql.table()?))
    }
}
