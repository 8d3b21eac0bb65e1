//! Owns a server that is one program with a Unix socket in a directory of its own.
//!
//! Must never outlive its value.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use xtask::{cluster, files, process};

/// A running server.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    dir: TempDir,
}

impl Daemon {
    /// Starts `command` with the arguments that `configure` adds for its directory and socket, and waits for the
    /// socket.
    ///
    /// # Errors
    /// When it ends before it listens, or does not listen within 30 s.
    pub fn start(mut command: Command, configure: impl FnOnce(&mut Command, &Path, &Path)) -> Result<Self> {
        // The path of a socket must be shorter than 108 bytes, whatever TMPDIR says.
        let dir = tempfile::Builder::new().prefix("cache_pg_bench.").tempdir_in("/tmp")?;
        files::set_owner(dir.path(), process::server_user()?.as_ref())?;
        configure(&mut command, dir.path(), &socket(dir.path()));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = process::as_server_user(&mut command)?
            .spawn()
            .with_context(|| format!("cannot run {}", process::shown(&command)))?;
        let mut daemon = Self { child, dir };
        cluster::poll(Duration::from_secs(30), &process::shown(&command), || {
            if let Some(status) = daemon.child.try_wait()? {
                bail!("it has ended: {status}");
            }
            Ok(std::os::unix::net::UnixStream::connect(socket(daemon.dir.path())).is_ok())
        })?;
        Ok(daemon)
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        socket(self.dir.path())
    }

    /// Its process.
    pub fn process(&self) -> i32 {
        self.child.id().cast_signed()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn socket(dir: &Path) -> PathBuf {
    dir.join("socket")
}
