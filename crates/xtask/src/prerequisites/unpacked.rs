//! Owns the running of programs from Debian packages without installing them: an installed package may start a service.
//!
//! Must never change the system: packages are unpacked into a directory of the tool.

use std::fs::{self, Permissions};
use std::path::{Path, PathBuf};
use std::{os::unix::fs::PermissionsExt, process::Command};

use super::apt;
use crate::{paths, process};
use anyhow::{Context, Result, bail};

/// A program that is not available.
#[derive(Debug)]
pub struct LeftOut {
    /// Its name.
    pub name: &'static str,
    /// Why, in one line.
    pub why: String,
}

/// The program `name` of the package `package`: the system's, else an unpacked one.
///
/// # Errors
/// When there is neither; the message says why.
pub fn program(package: &'static str, name: &'static str) -> Result<Command, LeftOut> {
    if let Some(file) = process::which(name) {
        return Ok(Command::new(file));
    }
    unpacked(package, name).map_err(|error| LeftOut { name, why: format!("{error:#}").replace('\n', " ") })
}

fn unpacked(package: &str, name: &str) -> Result<Command> {
    let root = paths::home()?.join("debian").join(package);
    let file = root.join("usr/bin").join(name);
    if !file.is_file() {
        if process::which("apt-get").is_none() {
            bail!("it is not installed, and this system has no apt-get");
        }
        apt::find(package)?;
        println!("unpacking {package} into {}", root.display());
        unpack(package, &root)?;
    }
    let mut command = Command::new(file);
    command.env("LD_LIBRARY_PATH", libraries(&root)?);
    process::output(Command::new(command.get_program()).arg("--version").env("LD_LIBRARY_PATH", libraries(&root)?))?;
    Ok(command)
}

/// Unpacks the package and those of its dependencies that the system lacks: what apt would install.
fn unpack(package: &str, root: &Path) -> Result<()> {
    let simulate = ["install", "--simulate", "--no-install-recommends", package];
    let plan = process::output(Command::new("apt-get").args(simulate))?;
    let wanted: Vec<_> = plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next()).collect();
    let all = root.parent().context("it has no parent directory")?;
    fs::create_dir_all(all)?;
    let scratch = tempfile::tempdir_in(all)?;
    process::output(Command::new("apt-get").arg("download").args(wanted).current_dir(scratch.path()))?;
    let unpacked = scratch.path().join("unpacked");
    for archive in fs::read_dir(scratch.path())? {
        process::output(Command::new("dpkg-deb").arg("--extract").arg(archive?.path()).arg(&unpacked))?;
    }
    // The user that runs the server must be able to read it.
    fs::set_permissions(&unpacked, Permissions::from_mode(0o755))?;
    match fs::rename(&unpacked, root) {
        // Another process was faster.
        Err(_) if root.is_dir() => Ok(()),
        renamed => Ok(renamed?),
    }
}

fn libraries(root: &Path) -> Result<std::ffi::OsString> {
    let mut dirs = Vec::<PathBuf>::new();
    for lib in ["lib", "usr/lib"].map(|lib| root.join(lib)) {
        dirs.push(lib.join(format!("{}-linux-gnu", std::env::consts::ARCH)));
        dirs.push(lib);
    }
    Ok(std::env::join_paths(dirs)?)
}
