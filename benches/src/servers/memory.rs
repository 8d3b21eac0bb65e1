//! Owns the servers that keep their entries in memory: Redis in the configuration of its package, except for the socket
//! and the persistence, and memcached at its defaults, with so much memory that it evicts nothing.
//!
//! Must never start Redis with both kinds of persistence, nor memcached with less memory than the largest run stores.

use std::{path::Path, process::Command};

use anyhow::Result;
use xtask::prerequisites::unpacked::{self, LeftOut};

use super::daemon::Daemon;

/// What a Redis keeps on disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Persistence {
    /// Nothing.
    None,
    /// All but the last second: the append-only file, flushed every second.
    EverySecond,
}

/// Starts Redis.
///
/// # Errors
/// When it does not start.
pub fn redis(persistence: Persistence) -> Result<Result<Daemon, LeftOut>> {
    let append = if persistence == Persistence::EverySecond { "yes" } else { "no" };
    start("redis-server", |command, dir, socket| {
        command.args(["--port", "0", "--save", "", "--appendfsync", "everysec", "--appendonly", append]);
        command.arg("--dir").arg(dir).arg("--unixsocket").arg(socket);
    })
}

/// Starts memcached.
///
/// # Errors
/// When it does not start.
pub fn memcached() -> Result<Result<Daemon, LeftOut>> {
    start("memcached", |command, _, socket| {
        command.args(["-m", "4096", "-a", "700", "-s"]).arg(socket);
    })
}

/// Starts `program`, which is in a package of the same name.
fn start(program: &'static str, configure: impl FnOnce(&mut Command, &Path, &Path)) -> Result<Result<Daemon, LeftOut>> {
    match unpacked::program(program, program) {
        Ok(command) => Daemon::start(command, configure).map(Ok),
        Err(left_out) => Ok(Err(left_out)),
    }
}
