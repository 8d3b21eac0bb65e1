//! One initialised data directory per installation, which every new cluster is a copy of: a copy takes
//! a tenth of the time of initdb.
//!
//! Must never be started itself.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::postgres::{self, Installation};
use crate::{files, paths, process};

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
    // The path tells two builds of one version apart, the version two releases at one path.
    let place = installation.bindir.display().to_string().replace('/', "-");
    let template = all.join(format!("{}{place}-{owner}", installation.version));
    if template.is_dir() {
        return Ok(template);
    }
    let scratch = tempfile::tempdir_in(&all)?;
    files::give(scratch.path(), user.as_ref())?;
    let data = scratch.path().join("data");
    initdb(installation, &data)?;
    match fs::rename(&data, &template) {
        // Another process was first.
        Err(_) if template.is_dir() => Ok(template),
        renamed => {
            renamed.with_context(|| format!("cannot create {}", template.display()))?;
            Ok(template)
        }
    }
}

fn initdb(installation: &Installation, data: &Path) -> Result<()> {
    let mut initdb = installation.command("initdb");
    initdb
        .args(["--username=postgres", "--auth=trust", "--encoding=UTF8"])
        .arg(format!("--locale={}", postgres::locale()))
        .args(["--no-sync", "--pgdata"])
        .arg(data);
    process::output(process::as_server_user(&mut initdb)?)?;
    let file = data.join("postgresql.conf");
    let mut text = fs::read_to_string(&file)?;
    text += &format!("include_if_exists = '{}'\n", super::settings::FILE);
    files::put(text.as_bytes(), &file, 0o600)?;
    files::give(&file, process::server_user()?.as_ref())
}
