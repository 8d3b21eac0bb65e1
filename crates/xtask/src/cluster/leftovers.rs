//! Owns the removal of servers that a killed process of this tool left behind.
//!
//! Must never touch a server whose process still lives, nor a directory that was kept on purpose.

use std::fs::{self, File};
use std::{path::Path, time::Duration};

use anyhow::Result;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use super::{crash::gone, wait};

/// Where clusters lie by default.
pub const PLACE: &str = "/tmp";

/// The prefix of their directories.
pub const PREFIX: &str = "cache_pg.";

/// The file in a cluster's directory that its process holds a lock on. The kernel releases the lock when the process
/// ends, in whatever way.
const OWNER: &str = "owner";

/// Claims the cluster in `dir` for this process, for as long as the result lives.
///
/// # Errors
/// When the directory cannot be written to.
pub fn claim(dir: &Path) -> Result<File> {
    // The file gets its name once it is locked, so the directory looks abandoned at no moment.
    let unnamed = dir.join("owner.new");
    let file = File::create(&unnamed)?;
    file.lock()?;
    fs::rename(unnamed, dir.join(OWNER))?;
    Ok(file)
}

/// Keeps the directory of a stopped cluster from being removed as a leftover.
pub fn keep(dir: &Path) {
    // If this fails, the directory is removed some day, which does not matter.
    let _ = fs::remove_file(dir.join(OWNER));
}

/// Stops and removes the clusters of processes that are gone.
///
/// # Errors
/// When one does not stop within 10 s, or cannot be removed.
pub fn remove() -> Result<()> {
    for entry in fs::read_dir(PLACE)? {
        let entry = entry?;
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if ours && is_abandoned(&entry.path()) {
            println!("removing the abandoned server in {}", entry.path().display());
            stop(&entry.path())?;
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn is_abandoned(dir: &Path) -> bool {
    File::open(dir.join(OWNER)).is_ok_and(|owner| owner.try_lock().is_ok())
}

fn stop(dir: &Path) -> Result<()> {
    let lock_file = dir.join("data/postmaster.pid");
    let Some(postmaster) = first_number(&lock_file).filter(|&pid| runs_in(pid, dir)) else {
        return Ok(());
    };
    signal::kill(Pid::from_raw(postmaster), Signal::SIGQUIT)?;
    wait::poll(Duration::from_secs(10), "an abandoned server to stop", || Ok(gone(postmaster)))
}

/// The process id in a file may belong to another process by now.
fn runs_in(pid: i32, dir: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(dir))
}

fn first_number(file: &Path) -> Option<i32> {
    fs::read_to_string(file).ok()?.lines().next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_abandoned_when_its_owner_is_gone_unless_it_was_kept() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_abandoned(dir.path()));
        let owner = claim(dir.path()).unwrap();
        assert!(!is_abandoned(dir.path()));
        drop(owner);
        assert!(is_abandoned(dir.path()));
        keep(dir.path());
        assert!(!is_abandoned(dir.path()));
    }
}
