//! Owns Redis in the configuration of its package, except for the socket and the persistence.
//!
//! Must never be started with both kinds of persistence.

use std::path::PathBuf;

use anyhow::Result;

use super::daemon::Daemon;
use xtask::prerequisites::unpacked::{self, LeftOut};

/// What a Redis keeps on disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Persistence {
    /// Nothing.
    None,
    /// All but the last second: the append-only file, flushed every second.
    EverySecond,
}

/// A running Redis.
#[derive(Debug)]
pub struct Redis(Daemon);

impl Redis {
    /// Starts one.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(persistence: Persistence) -> Result<Result<Self, LeftOut>> {
        let command = match unpacked::program("redis-server", "redis-server") {
            Ok(command) => command,
            Err(left_out) => return Ok(Err(left_out)),
        };
        let append = if persistence == Persistence::EverySecond { "yes" } else { "no" };
        let daemon = Daemon::start(command, |command, dir, socket| {
            command.args(["--port", "0", "--save", "", "--appendfsync", "everysec", "--appendonly", append]);
            command.arg("--dir").arg(dir).arg("--unixsocket").arg(socket);
        })?;
        Ok(Ok(Self(daemon)))
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.0.socket()
    }

    /// Its process.
    pub fn process(&self) -> i32 {
        self.0.process()
    }
}
