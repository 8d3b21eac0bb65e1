//! Owns one running system: its root directory, its namespaces, and the commands that run in them.
//!
//! It has processes, mounts, a network without a device and shared memory of its own, so no port or cluster of the
//! machine is touched. Must never outlive this process: its first process ends when its standard input does.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{fs, process, time::Duration};

use anyhow::{Context, Result, bail, ensure};

use super::system::System;
use crate::process::output;
use crate::{cluster, files, prerequisites::apt};

/// The first program in it.
const ENTER: &str = include_str!("enter.sh");
/// The namespaces that it does not share with the machine.
const APART: [&str; 5] = ["--mount", "--pid", "--net", "--ipc", "--uts"];
/// The prefix of the names of its directories. The id of the process that made it follows.
const PREFIX: &str = "run-";
/// The variables of its commands.
const ENVIRONMENT: [&str; 4] = [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG=C.UTF-8",
    "HOME=/root",
    "DEBIAN_FRONTEND=noninteractive",
];

/// A running system, whose files are in memory. It ends when this is dropped.
#[derive(Debug)]
pub struct Jail {
    /// Where its root directory is mounted. Only its own processes see it there.
    root: PathBuf,
    first: Child,
    /// The first process, as the machine sees it.
    pid: String,
    environment: Vec<String>,
}

impl Jail {
    /// Unpacks `system` and starts it.
    ///
    /// # Errors
    /// When this machine allows no namespaces, or has too little memory.
    pub fn start(system: &System) -> Result<Self> {
        let all = system.archive.parent().unwrap_or(Path::new("/"));
        remove_abandoned(all);
        let name = format!("{PREFIX}{}-", process::id());
        let root = tempfile::Builder::new().prefix(&name).tempdir_in(all)?;
        let (first, pid) = enter(root.path(), &system.archive)?;
        Ok(Self { root: root.keep(), first, pid, environment: ENVIRONMENT.map(str::to_owned).to_vec() })
    }

    /// Its root directory, as root sees it from the machine.
    pub fn root(&self) -> PathBuf {
        Path::new("/proc").join(&self.pid).join("root").join(self.root.strip_prefix("/").unwrap_or(&self.root))
    }

    /// Sets a variable of all commands that follow.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.environment.retain(|set| set.split('=').next() != Some(name));
        self.environment.push(format!("{name}={value}"));
    }

    /// The value of a variable of its commands.
    pub fn env(&self, name: &str) -> Option<&str> {
        self.environment.iter().find_map(|set| set.strip_prefix(name)?.strip_prefix('='))
    }

    /// All variables of its commands.
    pub fn envs(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let pair = |set: &String| set.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.environment.iter().filter_map(pair)
    }

    /// A program of it as `user`, in its root directory. Only the variables of the jail are set.
    pub fn command(&self, user: &str, program: &str) -> Command {
        let mut command = apt::as_root("nsenter");
        command.arg(format!("--target={}", self.pid)).args(APART).arg("chroot").arg(&self.root);
        command.args(["env", "--ignore-environment"]).args(&self.environment);
        if user != "root" {
            command.args(["runuser", "--user", user, "--"]);
        }
        command.arg(program);
        command
    }

    /// The output of a shell that runs `script` in it as root.
    ///
    /// # Errors
    /// When the script fails; the message has its output.
    pub fn sh(&self, script: &str) -> Result<String> {
        output(self.command("root", "sh").args(["-euc", script]))
    }

    /// Copies the file or folder `source` of the machine to `target` in it, readable by everyone.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn put(&self, source: &Path, target: &Path) -> Result<()> {
        let target = self.root().join(target.strip_prefix("/").unwrap_or(target));
        let mut copy = apt::as_root("cp");
        copy.args(["--recursive", "--no-target-directory"]).arg(source).arg(&target);
        output(&mut copy)?;
        output(apt::as_root("chmod").args(["-R", "u+rw,a+rX"]).arg(&target)).map(drop)
    }

    /// Writes `text` to a new file in it, with permission bits `mode`, such as `755`.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn write(&self, target: &str, text: &str, mode: &str) -> Result<()> {
        let mut command = self.command("root", "sh");
        command.args(["-euc", "cat >\"$1\" && chmod \"$2\" \"$1\"", "write", target, mode]).stdin(Stdio::piped());
        let mut child = command.spawn()?;
        child.stdin.take().context("it has no standard input")?.write_all(text.as_bytes())?;
        ensure!(child.wait()?.success(), "cannot write {target}");
        Ok(())
    }
}

fn enter(root: &Path, archive: &Path) -> Result<(Child, String)> {
    let mut command = apt::as_root("unshare");
    command.args(APART).args(["--fork", "--kill-child", "bash", "-c", ENTER, "jail"]).args([root, archive]);
    let mut first = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot run unshare")?;
    let mut pid = String::new();
    BufReader::new(first.stdout.take().context("it has no standard output")?).read_line(&mut pid)?;
    if pid.trim().is_empty() {
        bail!("a system with namespaces of its own cannot be started here: {}", first.wait()?);
    }
    Ok((first, pid.trim().to_owned()))
}

impl Drop for Jail {
    fn drop(&mut self) {
        drop(self.first.stdin.take());
        let ended = || Ok(matches!(self.first.try_wait(), Ok(Some(_))));
        if cluster::poll(Duration::from_secs(10), "the jail to end", ended).is_err() {
            let _ = output(apt::as_root("kill").args(["-KILL", &self.pid]));
            let _ = self.first.wait();
        }
        if let Err(error) = fs::remove_dir(&self.root) {
            eprintln!("cannot remove {}: {error}", self.root.display());
        }
    }
}

/// Removes the directories of processes that were killed. They are empty: what was mounted there is gone.
fn remove_abandoned(all: &Path) {
    for dir in files::entries(all) {
        let name = files::name(&dir);
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            // Another process may be faster.
            let _ = fs::remove_dir(&dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive of the directories that the first process mounts over.
    fn empty_system(dir: &Path) -> System {
        for name in ["proc", "dev"] {
            fs::create_dir_all(dir.join("root").join(name)).unwrap();
        }
        let archive = dir.join("empty.tar");
        output(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(dir.join("root")).arg(".")).unwrap();
        System { archive }
    }

    #[test]
    fn nothing_of_a_jail_is_seen_on_the_machine_or_left_behind() {
        if !crate::process::is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        // Where namespaces are forbidden, the suites that need them say so.
        let Ok(jail) = Jail::start(&empty_system(dir.path())) else { return };
        let (mounted, process) = (jail.root.clone(), Path::new("/proc").join(&jail.pid));
        fs::write(jail.root().join("file"), "").unwrap();
        assert!(process.exists() && !mounted.join("file").exists());
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(&mounted.display().to_string()), "{mounts}");
        drop(jail);
        assert!(!process.exists() && !mounted.exists());
    }

    #[test]
    fn the_directory_of_a_killed_process_is_removed_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        // No process has this id.
        let names = [format!("{PREFIX}999999999-a"), format!("{PREFIX}{}-a", process::id()), "other".to_owned()];
        let [killed, own, other] = names.map(|name| dir.path().join(name));
        for made in [&killed, &own, &other] {
            fs::create_dir(made).unwrap();
        }
        remove_abandoned(dir.path());
        assert!(!killed.exists() && own.exists() && other.exists());
    }
}
