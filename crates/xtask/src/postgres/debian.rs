//! Owns PostgreSQL from the system's packages: which majors are installed, and how to install one on Debian.
//!
//! Must never let a package create or start a server.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::installation::SUPPORTED;
use crate::prerequisites::apt;

/// The file in which Debian's `postgresql-common` says how a package creates a server.
const CREATECLUSTER: &str = "/etc/postgresql-common/createcluster.conf";

/// The majors that are installed where packages of Debian, Ubuntu and the PostgreSQL project put them.
pub fn installed() -> Vec<u16> {
    SUPPORTED
        .filter(|&major| pg_config(major).is_file() && server_headers(major) && program(major, "postgres"))
        .collect()
}

/// The `pg_config` of one of [`installed`].
pub fn pg_config(major: u16) -> PathBuf {
    Path::new("/usr/lib/postgresql").join(major.to_string()).join("bin/pg_config")
}

fn program(major: u16, name: &str) -> bool {
    pg_config(major).with_file_name(name).is_file()
}

fn server_headers(major: u16) -> bool {
    Path::new("/usr/include/postgresql").join(major.to_string()).join("server/postgres.h").is_file()
}

/// Installs the server, its headers and test drivers for `major`.
///
/// # Errors
/// When the system is not like Debian, the caller cannot become root, or there are no such packages.
pub fn install(major: u16) -> Result<()> {
    if !apt::usable() {
        bail!("it is not installed with its server headers, and this user cannot install packages with apt-get");
    }
    let server = format!("postgresql-{major}");
    apt::find(&server)?;
    apt::install(&["postgresql-common"])?;
    let packages = [server, format!("postgresql-server-dev-{major}")];
    without_creating_servers(|| apt::install(&packages.each_ref().map(String::as_str)))
}

/// Runs `install` while Debian's configuration keeps packages from creating a server.
fn without_creating_servers(install: impl FnOnce() -> Result<()>) -> Result<()> {
    let before =
        std::fs::read(CREATECLUSTER).with_context(|| format!("postgresql-common has installed no {CREATECLUSTER}"))?;
    let mut during = before.clone();
    during.extend_from_slice(b"\ncreate_main_cluster = false\n");
    apt::put(CREATECLUSTER, &during)?;
    let installed = install();
    apt::put(CREATECLUSTER, &before)?;
    installed
}
