//! Owns the regular start and stop of a cluster's server, and its end when its [`Cluster`] is dropped.
//!
//! Must never report a start before the server accepts connections, nor a stop before it is gone. Must never end a
//! server that was left running on purpose.

use std::fs::{self, OpenOptions};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use super::{leftovers, server::Cluster, wait};
use crate::process;

/// Longer than any start or stop of a small server on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How to stop a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StopMode {
    /// Wait until the last client has left.
    Smart,
    /// Disconnect the clients and roll their transactions back.
    Fast,
    /// As in a crash, without a checkpoint.
    Immediate,
}

impl Cluster {
    /// Starts the server; it accepts connections when this returns.
    ///
    /// # Errors
    /// When it runs already or does not start; the message has the end of its log.
    pub fn start(&self) -> Result<()> {
        let mut server = self.server();
        if server.is_some() {
            bail!("the server is running already");
        }
        let log = OpenOptions::new().create(true).append(true).open(self.log_file())?;
        let mut command = self.installation().command("postgres");
        command.arg("-D").arg(self.data_dir()).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let child = process::as_server_user(&mut command)?
            .spawn()
            .with_context(|| format!("cannot run {}", process::shown(&command)))?;
        *server = Some(child);
        drop(server);
        wait::poll(PATIENCE, "the server to accept connections", || {
            if !self.is_running() {
                bail!("it has ended");
            }
            Ok(self.accepts_connections())
        })
        .with_context(|| format!("the server did not start:\n{}", self.log_tail()))
    }

    /// Stops the server and returns how long that took.
    ///
    /// # Errors
    /// When it still runs after 60 s, or was not running.
    pub fn stop(&self, mode: StopMode) -> Result<Duration> {
        self.stop_within(mode, PATIENCE)
    }

    /// As [`stop`](Self::stop), with a deadline.
    ///
    /// # Errors
    /// When it still runs then, or was not running.
    pub fn stop_within(&self, mode: StopMode, deadline: Duration) -> Result<Duration> {
        let start = Instant::now();
        self.signal_postmaster(match mode {
            StopMode::Smart => Signal::SIGTERM,
            StopMode::Fast => Signal::SIGINT,
            StopMode::Immediate => Signal::SIGQUIT,
        })?;
        while self.is_running() {
            if start.elapsed() > deadline {
                bail!("the server did not stop within {deadline:?}:\n{}", self.log_tail());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(start.elapsed())
    }

    /// Stops the server fast and starts it again.
    ///
    /// # Errors
    /// As [`stop`](Self::stop) and [`start`](Self::start).
    pub fn restart(&self) -> Result<()> {
        self.stop(StopMode::Fast)?;
        self.start()
    }

    /// Whether the postmaster runs.
    pub fn is_running(&self) -> bool {
        let mut server = self.server();
        let running = server.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)));
        if !running {
            *server = None;
        }
        running
    }

    /// The process id of the postmaster, while it runs.
    pub fn postmaster_pid(&self) -> Option<i32> {
        let id = self.server().as_ref()?.id();
        i32::try_from(id).ok()
    }

    pub(super) fn signal_postmaster(&self, signal: Signal) -> Result<()> {
        let pid = self.postmaster_pid().context("the server is not running")?;
        signal::kill(Pid::from_raw(pid), signal).context("cannot signal the server")
    }

    /// The postmaster writes "ready" into its lock file, where pg_ctl reads it too.
    fn accepts_connections(&self) -> bool {
        let lock_file = fs::read_to_string(self.data_dir().join("postmaster.pid"));
        let own = self.postmaster_pid().map(|pid| pid.to_string());
        lock_file.is_ok_and(|text| {
            let lines: Vec<_> = text.lines().map(str::trim).collect();
            lines.first().copied() == own.as_deref() && lines.get(7) == Some(&"ready")
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.left_running {
            return;
        }
        if self.is_running() && self.stop_within(StopMode::Immediate, Duration::from_secs(10)).is_err() {
            let _ = self.kill9();
        }
        if std::thread::panicking() || std::env::var_os("CACHE_PG_KEEP").is_some() {
            leftovers::keep(&self.dir);
            eprintln!("the server's directory is kept: {}", self.dir.display());
        } else {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}
