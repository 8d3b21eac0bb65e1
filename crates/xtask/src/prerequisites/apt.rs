//! Owns the installing of Debian packages, for root and for users with a sudo that needs no password.
//!
//! Must never remove or upgrade a package, nor wait for a password or an answer.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use anyhow::{Context, Result, bail};

use crate::process;

/// How long apt-get waits while another program installs packages: five minutes.
const PATIENCE: &str = "--option=DPkg::Lock::Timeout=300";

/// Whether packages can be installed here.
pub fn usable() -> bool {
    static USABLE: OnceLock<bool> = OnceLock::new();
    *USABLE.get_or_init(|| {
        let sudo = || process::output(Command::new("sudo").args(["-n", "true"])).is_ok();
        process::which("apt-get").is_some() && (process::is_root() || sudo())
    })
}

/// Installs `packages`.
///
/// # Errors
/// When apt-get fails; its output is in the message.
pub fn install(packages: &[&str]) -> Result<()> {
    let _alone = alone();
    println!("installing the packages {}", packages.join(" "));
    let attempt = || {
        process::output(
            as_root("apt-get")
                .args(["install", "--yes", "--no-install-recommends", "--no-upgrade", PATIENCE])
                .args(packages),
        )
    };
    attempt().or_else(|_| update().and_then(|()| attempt())).map(drop)
}

/// Checks that a package of this name exists.
///
/// # Errors
/// When it does not.
pub fn find(package: &str) -> Result<()> {
    let _alone = alone();
    let known =
        || process::output(Command::new("apt-cache").args(["show", package])).is_ok_and(|shown| !shown.is_empty());
    if known() || (update().is_ok() && known()) {
        return Ok(());
    }
    bail!("it is not installed, and this system has no package {package}")
}

/// Replaces the content of a system file, as root.
pub(crate) fn put(file: &str, content: &[u8]) -> Result<()> {
    let mut child = as_root("tee")
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot write {file}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(content)?;
    }
    if !child.wait()?.success() {
        bail!("cannot write {file}");
    }
    Ok(())
}

/// One thread at a time: apt-get fails where another one runs.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn update() -> Result<()> {
    process::output(as_root("apt-get").arg("update")).map(drop)
}

/// A command that runs as root, without an answer on its standard input. It is for callers that have asked [`usable`].
pub(crate) fn as_root(program: &str) -> Command {
    let mut command = if process::is_root() {
        Command::new(program)
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", program]);
        sudo
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command.stdin(Stdio::null());
    command
}
