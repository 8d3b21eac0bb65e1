//! Owns the creation of a cluster: its directory, port and configuration, and its first start.
//!
//! Must never use a directory that others can enter, or a fixed port.

use std::fs::{self, Permissions};
use std::sync::{Arc, Mutex};
use std::{ffi::OsString, net::TcpListener, os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use super::{client, leftovers, server::Cluster, settings::Settings, template, watchdog::Watchdog};
use crate::{files, postgres::Installation, process};

/// How long a test may use one server: longer than all tests of a file take on a busy machine.
pub const LIFETIME_IN_TESTS: Duration = Duration::from_secs(15 * 60);

/// The description of a new cluster.
#[derive(Clone, Debug)]
pub struct Builder {
    installation: Installation,
    settings: Settings,
    dir: Option<PathBuf>,
    lifetime: Option<Duration>,
    environment: Vec<(String, OsString)>,
}

impl Cluster {
    /// Describes a server of `installation`; [`Builder::start`] creates it.
    pub fn builder(installation: &Installation) -> Builder {
        Builder::new(installation)
    }
}

impl Builder {
    fn new(installation: &Installation) -> Self {
        Self {
            installation: installation.clone(),
            settings: Settings::small(),
            dir: None,
            lifetime: None,
            environment: Vec::new(),
        }
    }

    /// Sets a configuration parameter; the value is not quoted.
    #[must_use]
    pub fn conf(mut self, name: &str, value: &str) -> Self {
        self.settings.set(name, value);
        self
    }

    /// Whether `shared_preload_libraries` has the extension's library. By default it does.
    #[must_use]
    pub fn preload(self, preload: bool) -> Self {
        self.conf("shared_preload_libraries", if preload { "cache_pg" } else { "" })
    }

    /// Its directory, which must not exist. By default it is a new one with a short path.
    #[must_use]
    pub fn dir(mut self, dir: PathBuf) -> Self {
        self.dir = Some(dir);
        self
    }

    /// Sets an environment variable of the server.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Ends the server if it still runs after `lifetime`, and prints what it was doing: a test that waits for something
    /// that never happens fails. By default it may run for as long as it is used.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Uses another cluster's settings, except for the port and the socket's directory.
    pub(super) fn inherit(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Creates the cluster and starts it; it accepts connections when this returns.
    ///
    /// # Errors
    /// When the server cannot be set up or does not start; the message has the end of its log.
    pub fn start(self) -> Result<Cluster> {
        let lifetime = self.lifetime;
        let mut cluster = self.prepare()?;
        template::copy(&cluster.installation, &cluster.data_dir())?;
        cluster.settings().write(&cluster.data_dir())?;
        // Another process may take a free port before the server does.
        let mut tries = 4;
        while let Err(error) = cluster.start() {
            tries -= 1;
            if tries == 0 || !cluster.log().contains("could not create any TCP/IP sockets") {
                return Err(error);
            }
            fs::remove_file(cluster.log_file())?;
            cluster.port = free_port()?;
            cluster.settings().set("port", &cluster.port.to_string());
            cluster.settings().write(&cluster.data_dir())?;
        }
        cluster.watchdog = lifetime.map(|lifetime| {
            let (dir, port) = (cluster.dir.clone(), cluster.port);
            let doing = move || client::activity(&dir, port);
            Watchdog::start(Arc::downgrade(&cluster.server), lifetime, Signal::SIGQUIT, doing)
        });
        Ok(cluster)
    }

    /// The cluster with its directory, but no data directory in it.
    pub(super) fn prepare(self) -> Result<Cluster> {
        let dir = private_dir(self.dir)?;
        let ownership = leftovers::claim(&dir)?;
        let port = free_port()?;
        let mut settings = self.settings;
        settings.set("port", &port.to_string());
        settings.set("unix_socket_directories", &dir.display().to_string());
        Ok(Cluster {
            installation: self.installation,
            dir,
            port,
            settings: Mutex::new(settings),
            server: Arc::default(),
            watchdog: None,
            environment: self.environment,
            left_running: false,
            _ownership: ownership,
        })
    }
}

/// A new directory that only the server's user can enter. The path of a socket must be shorter than 108 bytes, so the
/// directory lies in `/tmp`, whatever TMPDIR says.
fn private_dir(wanted: Option<PathBuf>) -> Result<PathBuf> {
    let dir = match wanted {
        Some(dir) => {
            fs::create_dir(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
            dir
        }
        None => tempfile::Builder::new().prefix("cache_pg.").tempdir_in("/tmp")?.keep(),
    };
    fs::set_permissions(&dir, Permissions::from_mode(0o700))?;
    files::set_owner(&dir, process::server_user()?.as_ref())?;
    Ok(dir)
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no TCP port is free")?;
    Ok(listener.local_addr()?.port())
}
