//! Owns one initialised data directory for each installation, of which every new cluster is a copy: copying takes a
//! tenth of the time of initdb.
//!
//! Must never be started itself.

use std::fs::{self, Permissions};
use std::path::{Path, PathBuf};
use std::{io::Read, os::unix::fs::PermissionsExt, process::Command};

use anyhow::{Context, Result};

use crate::postgres::{self, Installation};
use crate::{files, paths, process};

/// The file in a data directory with the superuser's password for TCP.
pub const PASSWORD: &str = "cluster.password";

/// To be incremented when the result of [`initdb`] changes: templates outlive the tool that made them.
const FORMAT: u8 = 1;

/// Creates the data directory `data` for `installation`.
///
/// # Errors
/// When initdb or the copy fails.
pub fn copy(installation: &Installation, data: &Path) -> Result<()> {
    let template = template(installation)?;
    let mut cp = Command::new("cp");
    cp.arg("-R").arg(template).arg(data);
    process::output(process::as_server_user(&mut cp)?)?;
    Ok(fs::set_permissions(data, Permissions::from_mode(0o700))?)
}

fn template(installation: &Installation) -> Result<PathBuf> {
    let all = paths::home()?.join("template");
    fs::create_dir_all(&all)?;
    let user = process::server_user()?;
    let owner = user.as_ref().map_or("own", |user| user.name.as_str());
    // The path distinguishes two builds of one version, the version two releases at one path.
    let place = installation.bindir.display().to_string().replace('/', "-");
    let template = all.join(format!("{FORMAT}-{}{place}-{owner}", installation.version));
    if template.is_dir() {
        return Ok(template);
    }
    let scratch = tempfile::tempdir_in(&all)?;
    files::set_owner(scratch.path(), user.as_ref())?;
    let data = scratch.path().join("data");
    initdb(installation, &data)?;
    match fs::rename(&data, &template) {
        // Another process was faster.
        Err(_) if template.is_dir() => Ok(template),
        renamed => {
            renamed.with_context(|| format!("cannot create {}", template.display()))?;
            Ok(template)
        }
    }
}

/// Anyone who can reach the socket's directory connects as any user. Every user of the machine can reach TCP, so it
/// requires the superuser's password, which the data directory holds.
fn initdb(installation: &Installation, data: &Path) -> Result<()> {
    let password = data.with_file_name("password");
    put_private(&password, &random_password()?)?;
    let mut initdb = installation.command("initdb");
    initdb
        .args(["--username=postgres", "--encoding=UTF8", "--no-sync"])
        .args(["--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile"])
        .arg(&password)
        .arg(format!("--locale={}", postgres::locale()))
        .arg("--pgdata")
        .arg(data);
    process::output(process::as_server_user(&mut initdb)?)?;
    fs::rename(password, data.join(PASSWORD))?;
    let file = data.join("postgresql.conf");
    let mut text = fs::read_to_string(&file)?;
    text += &format!("include_if_exists = '{}'\n", super::settings::FILE);
    put_private(&file, &text)
}

/// A file that only the server's user, and root, can read.
fn put_private(file: &Path, text: &str) -> Result<()> {
    files::put(text.as_bytes(), file, 0o600)?;
    files::set_owner(file, process::server_user()?.as_ref())
}

fn random_password() -> Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
