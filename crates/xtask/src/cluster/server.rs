//! Owns one private PostgreSQL server in a directory of its own.
//!
//! It listens on a socket in a directory that others cannot enter, where every user is let in, and on 127.0.0.1 with a
//! password ([`Cluster::url`] has it).
//!
//! Must never outlive its [`Cluster`], except after [`Cluster::leave_running`].

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{ffi::OsString, fs::File, process::Child};

use super::{settings::Settings, watchdog::Watchdog};
use crate::postgres::Installation;

/// A server and its directory. Dropping it stops the server at once and removes the directory, except while the thread
/// panics or with `CACHE_PG_KEEP` set: then the directory stays and its path is printed.
#[derive(Debug)]
pub struct Cluster {
    pub(super) installation: Installation,
    /// Others cannot enter it; it holds `data`, `log` and the socket.
    pub(super) dir: PathBuf,
    pub(super) port: u16,
    pub(super) settings: Mutex<Settings>,
    /// Environment variables, besides those of this process.
    pub(super) environment: Vec<(String, OsString)>,
    /// The postmaster, while it runs.
    pub(super) server: Arc<Mutex<Option<Child>>>,
    /// Ends the server of a test that does not end.
    pub(super) watchdog: Option<Watchdog>,
    /// Whether the server keeps running when this value is dropped.
    pub(super) left_running: bool,
    /// Held as long as this process lives: it marks the directory as in use.
    pub(super) _ownership: File,
}

impl Cluster {
    /// Its PostgreSQL.
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// Its directory, which also holds its socket.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// The port of its socket and on 127.0.0.1. Restarts do not change it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Everything that the server has logged.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Lets the server keep running after this process, and returns its directory.
    pub fn leave_running(mut self) -> PathBuf {
        self.left_running = true;
        self.dir.clone()
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// The last lines of the log, for an error message.
    pub(super) fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    pub(super) fn server(&self) -> MutexGuard<'_, Option<Child>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
