//! Owns the crashes of a cluster's server, as after a loss of power or a bug.
//!
//! Must never signal a process of another server.

use std::{fs, time::Duration};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{self, Signal};
use nix::{errno::Errno, unistd::Pid};

use super::{server::Cluster, wait};

impl Cluster {
    /// Kills the postmaster and all its processes at once, and waits until they are gone. Data that the server had
    /// written to the operating system survives.
    ///
    /// # Errors
    /// When the server was not running, or a process is not gone within 30 s.
    pub fn kill9(&self) -> Result<()> {
        let postmaster = self.postmaster_pid().context("the server is not running")?;
        // While it is stopped, it can neither start a process nor notice that one has died.
        send(postmaster, Signal::SIGSTOP)?;
        let children = children(postmaster)?;
        for &pid in &children {
            send(pid, Signal::SIGKILL)?;
        }
        send(postmaster, Signal::SIGKILL)?;
        if let Some(mut server) = self.server().take() {
            server.wait()?;
        }
        wait::poll(Duration::from_secs(30), "the server's processes to be gone", || {
            Ok(children.iter().all(|&pid| gone(pid)))
        })?;
        // The kernel reuses process ids soon, so the lock files of a dead server could look alive.
        let socket = format!(".s.PGSQL.{}", self.port());
        for file in
            [self.data_dir().join("postmaster.pid"), self.dir().join(format!("{socket}.lock")), self.dir().join(socket)]
        {
            if file.exists() {
                fs::remove_file(&file)?;
            }
        }
        Ok(())
    }

    /// Kills one process of the server, such as a backend (`pg_backend_pid()`) or a worker. The postmaster then
    /// restarts all the others.
    ///
    /// # Errors
    /// When `pid` is not a process of this server.
    pub fn crash_backend(&self, pid: i32) -> Result<()> {
        let postmaster = self.postmaster_pid().context("the server is not running")?;
        if parent(pid) != Some(postmaster) {
            bail!("process {pid} does not belong to this server");
        }
        send(pid, Signal::SIGKILL)
    }
}

/// A process that is already gone is no error.
fn send(pid: i32, signal: Signal) -> Result<()> {
    match signal::kill(Pid::from_raw(pid), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot send {signal} to {pid}")),
    }
}

fn children(postmaster: i32) -> Result<Vec<i32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("cannot list processes")? {
        let name = entry?.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse().ok())
            && parent(pid) == Some(postmaster)
        {
            found.push(pid);
        }
    }
    Ok(found)
}

fn parent(pid: i32) -> Option<i32> {
    state_and_parent(pid).map(|(_, parent)| parent)
}

/// A zombie counts as gone.
pub(super) fn gone(pid: i32) -> bool {
    state_and_parent(pid).is_none_or(|(state, _)| state == 'Z' || state == 'X')
}

fn state_and_parent(pid: i32) -> Option<(char, i32)> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `1234 (name (of) process) S 1 …`
fn parse_stat(stat: &str) -> Option<(char, i32)> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_names_may_contain_anything() {
        assert_eq!(parse_stat("12 (a) b) (c) R 34 5"), Some(('R', 34)));
        assert_eq!(parse_stat("12"), None);
    }

    #[test]
    fn the_parent_of_this_process_is_found() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(parent(own).is_some_and(|pid| pid > 0));
        assert!(!gone(own));
    }
}
