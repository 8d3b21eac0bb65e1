//! Owns memcached at its defaults, with so much memory that it evicts nothing.
//!
//! Must never have less memory than the largest run stores.

use std::path::PathBuf;

use anyhow::Result;

use super::daemon::Daemon;
use xtask::prerequisites::unpacked::{self, LeftOut};

/// A running memcached.
#[derive(Debug)]
pub struct Memcached(Daemon);

impl Memcached {
    /// Starts one.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start() -> Result<Result<Self, LeftOut>> {
        let command = match unpacked::program("memcached", "memcached") {
            Ok(command) => command,
            Err(left_out) => return Ok(Err(left_out)),
        };
        let daemon = Daemon::start(command, |command, _, socket| {
            command.args(["-m", "4096", "-a", "700", "-s"]).arg(socket);
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
