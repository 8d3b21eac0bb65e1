//! Owns the connections to a cluster: drivers, connection strings and psql.
//!
//! Must never read the caller's `PG*` variables or psqlrc.

use std::{ffi::OsStr, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use postgres::{Client, NoTls};

use super::{server::Cluster, template, wait};
use crate::process;

impl Cluster {
    /// A new connection of the superuser `postgres`.
    ///
    /// # Errors
    /// When the server refuses it.
    pub fn connect(&self, database: &str) -> Result<Client> {
        self.connect_as("postgres", database)
    }

    /// A new connection of `user`.
    ///
    /// # Errors
    /// When the server refuses it.
    pub fn connect_as(&self, user: &str, database: &str) -> Result<Client> {
        connect(self.dir(), self.port(), user, database)
    }

    /// A connection string of libpq for the superuser, through the socket.
    pub fn conninfo(&self, database: &str) -> String {
        format!("host={} port={} user=postgres dbname={database}", self.dir().display(), self.port())
    }

    /// The same as a URL with a password, through TCP, for drivers and poolers.
    ///
    /// # Errors
    /// When the password cannot be read.
    pub fn url(&self, database: &str) -> Result<String> {
        Ok(format!("postgresql://postgres:{}@127.0.0.1:{}/{database}", self.password()?, self.port()))
    }

    /// The password of the superuser `postgres`, which only TCP requires.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn password(&self) -> Result<String> {
        let file = self.data_dir().join(template::PASSWORD);
        std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
    }

    /// psql on `database`, which stops at the first error. The caller adds its task.
    pub fn psql_command(&self, database: &str) -> Command {
        let mut command = self.installation().command("psql");
        command.args(["--no-psqlrc", "--set=ON_ERROR_STOP=1", "--dbname"]).arg(self.conninfo(database));
        command
    }

    /// What psql prints for `arguments`, such as `["-At", "-c", "SELECT 1"]`.
    ///
    /// # Errors
    /// When a statement fails; the message has the output of psql.
    pub fn psql<S: AsRef<OsStr>>(&self, database: &str, arguments: &[S]) -> Result<String> {
        process::output(self.psql_command(database).args(arguments))
    }

    /// What psql prints for the script `file`.
    ///
    /// # Errors
    /// When a statement fails; the message has the output of psql.
    pub fn psql_file(&self, database: &str, file: &Path) -> Result<String> {
        process::output(self.psql_command(database).arg("--file").arg(file))
    }

    /// Sets a configuration parameter from the next [`reload`](Self::reload) or restart on.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn set_conf(&self, name: &str, value: &str) -> Result<()> {
        let mut settings = self.settings();
        settings.set(name, value);
        settings.write(&self.data_dir())
    }

    /// Makes the server read its configuration, and waits until a new connection has it. Running processes read it when
    /// they next check.
    ///
    /// # Errors
    /// When that takes longer than 30 s.
    pub fn reload(&self) -> Result<()> {
        let loaded = || -> Result<std::time::SystemTime> {
            let mut client = self.connect("postgres")?;
            Ok(client.query_one("SELECT pg_conf_load_time()", &[])?.try_get(0)?)
        };
        let before = loaded()?;
        self.signal_postmaster(nix::sys::signal::Signal::SIGHUP)?;
        wait::poll(Duration::from_secs(30), "the configuration to be read again", || Ok(loaded()? > before))
    }
}

fn connect(dir: &Path, port: u16, user: &str, database: &str) -> Result<Client> {
    Client::configure()
        .host(&dir.display().to_string())
        .port(port)
        .user(user)
        .dbname(database)
        .connect_timeout(Duration::from_secs(30))
        .connect(NoTls)
        .with_context(|| format!("cannot connect to database {database} as {user}"))
}

/// What the processes of the server with its socket in `dir` are doing, one a line.
///
/// # Errors
/// When it refuses the superuser.
pub(super) fn activity(dir: &Path, port: u16) -> Result<String> {
    let activity = "SELECT format('%s %s: %s, waits for %s: %s', pid, backend_type, state, wait_event, query)
                    FROM pg_stat_activity WHERE pid <> pg_backend_pid() ORDER BY backend_start";
    let rows = connect(dir, port, "postgres", "postgres")?.query(activity, &[])?;
    Ok(rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n"))
}
