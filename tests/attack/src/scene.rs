//! A database under attack, with its roles, and what must hold of it in the end.
//!
//! Must never let a test end well after a crash, an internal error, or a role that became superuser.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use cache_pg_server_tests::{Shared, create_database, get, swift_server};
use postgres::Client;
use xtask::cluster::Cluster;

use crate::log;

/// The grant of an application, as docs/operations.md has it.
pub const DML: &str = "GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO {role}";

/// The policy of docs/operations.md, with the namespace in place of the second part of the key. A tenant has the keys of the
/// namespace that is named like its role.
pub const TENANT_POLICY: &str = "
    ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY;
    CREATE POLICY tenant ON cache_entries
        USING (split_part(key, ':', 1) = current_user) WITH CHECK (split_part(key, ':', 1) = current_user)";

/// The server of all attacks on a cache with its library preloaded. The sweeper comes round every second.
static PRELOADED: Shared = Shared::new();

/// A database with the extension on the shared server.
pub struct Scene {
    /// Its server.
    pub cluster: Arc<Cluster>,
    /// A connection of the superuser that owns the extension.
    pub owner: Client,
    name: String,
    log_from: usize,
    postmaster: Option<i32>,
}

impl Scene {
    /// A database called `name`, whose roles begin with that too.
    ///
    /// # Errors
    /// When the server, the database or the extension cannot be had.
    pub fn new(name: &str) -> Result<Self> {
        let cluster = PRELOADED.get(|| {
            swift_server()?
                .conf("log_line_prefix", log::PREFIX)
                .conf("cache_pg.track_namespaces", "200")
                .conf("max_prepared_transactions", "5")
                .start()
        })?;
        Self::on(cluster, name)
    }

    /// As [`new`](Self::new), on `cluster`.
    ///
    /// # Errors
    /// When the database or the extension cannot be had.
    pub fn on(cluster: Arc<Cluster>, name: &str) -> Result<Self> {
        let (log_from, postmaster) = (cluster.log().len(), cluster.postmaster_pid());
        let owner = create_database(&cluster, name)?;
        Ok(Self { cluster, owner, name: name.to_owned(), log_from, postmaster })
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The full name of the role with this `suffix`.
    pub fn role_name(&self, suffix: &str) -> String {
        format!("{}_{suffix}", self.name)
    }

    /// A new role `<database>_<suffix>` that owns a schema of its name, first in its search path, and what `grants`
    /// say, in which `{role}` stands for it. Returns a connection of it.
    ///
    /// # Errors
    /// When it cannot be created, or a grant fails.
    pub fn role(&mut self, suffix: &str, grants: &str) -> Result<Client> {
        let role = self.role_name(suffix);
        self.owner.batch_execute(&format!("CREATE ROLE {role} LOGIN; CREATE SCHEMA AUTHORIZATION {role}"))?;
        self.owner.batch_execute(&grants.replace("{role}", &role)).context("granting")?;
        self.connect(suffix)
    }

    /// Another connection of the role with this `suffix`.
    ///
    /// # Errors
    /// When the server does not let it in.
    pub fn connect(&self, suffix: &str) -> Result<Client> {
        self.cluster.connect_as(&self.role_name(suffix), &self.name)
    }

    /// Writes rows of the namespace `due` whose time is over, by plain SQL. Of these the sweeper learns
    /// within a minute only, or by [`wake`](Self::wake).
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_due(&mut self) -> Result<()> {
        Ok(self.owner.batch_execute(
            "INSERT INTO cache_entries (key, value, expires_at)
             SELECT 'due:' || n, '1', '2000-01-01' FROM generate_series(1, 300) AS n",
        )?)
    }

    /// Lets the sweeper know that there is something to do.
    ///
    /// # Errors
    /// When it cannot be said.
    pub fn wake(&mut self) -> Result<()> {
        Ok(self
            .owner
            .batch_execute("SELECT cache_set('due:wake', '1', '1 millisecond'), cache_invalidate_tags('wake')")?)
    }

    /// The one value of `sql` for the owner.
    ///
    /// # Errors
    /// When the query fails or its value is NULL.
    pub fn get<T: for<'a> postgres::types::FromSql<'a>>(&mut self, sql: &str) -> Result<T> {
        get(&mut self.owner, sql)
    }

    /// What must hold after every attack: the server has neither restarted nor logged what it must not, nobody has
    /// become superuser, and the cache works.
    ///
    /// # Errors
    /// When it does not.
    pub fn unharmed(&mut self) -> Result<()> {
        ensure!(self.cluster.is_running(), "the server is gone");
        ensure!(self.cluster.postmaster_pid() == self.postmaster, "the server has restarted");
        let severe = log::severe(&self.cluster, self.log_from, &self.name);
        ensure!(severe.is_empty(), "in the log:\n{}", severe.join("\n"));
        let risen = format!("SELECT count(*) FROM pg_roles WHERE rolsuper AND starts_with(rolname, '{}_')", self.name);
        ensure!(get::<i64>(&mut self.owner, &risen)? == 0, "a role has become superuser");
        for works in [
            "SELECT cache_set('unharmed', '1', '1 hour') IS NOT NULL",
            "SELECT cache_get('unharmed') = '1'",
            "SELECT cache_delete('unharmed')",
        ] {
            ensure!(get::<bool>(&mut self.owner, works)?, "not so any more: {works}");
        }
        Ok(())
    }
}

/// The privileges that `GRANT ALL` amounts to on every table of the extension, TRIGGER and REFERENCES among them.
pub fn everything() -> String {
    "GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}".to_owned()
}

/// What came of a statement: the text of its first value, or the SQLSTATE that refused it.
///
/// # Errors
/// When the connection broke, which no statement may bring about.
pub fn run(client: &mut Client, sql: &str) -> Result<Result<Option<String>, String>> {
    use postgres::SimpleQueryMessage::Row;
    match client.simple_query(sql) {
        Ok(messages) => Ok(Ok(messages
            .iter()
            .rev()
            .find_map(|message| match message {
                Row(row) => Some(row.get(0).map(str::to_owned)),
                _ => None,
            })
            .flatten())),
        Err(error) => match error.code() {
            Some(state) => Ok(Err(state.code().to_owned())),
            None => Err(error).with_context(|| format!("the connection broke: {sql}")),
        },
    }
}
