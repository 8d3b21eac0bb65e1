//! Owns the private copies of installed PostgreSQL servers, so that nothing is written into the system's own.
//!
//! PostgreSQL finds its files relative to its program, as long as their relative positions are those it was compiled
//! with. So a copy keeps every absolute path, below one directory of the tool.
//!
//! Must never write outside of the tool's home.

use std::path::{Path, PathBuf};
use std::{fs, process::Command};

use anyhow::{Context, Result, bail};

use super::installation::Installation;
use crate::{files, paths, process};

/// A finished copy has this file beside its programs; it says which version was copied.
const MARKER: &str = ".cache_pg_copy";

/// The private copy of the PostgreSQL of `pg_config`, made now unless it exists. A PostgreSQL in the tool's home is
/// already private and is returned as it is.
///
/// # Errors
/// When there is no such PostgreSQL, when it cannot be copied, or when the copy does not work.
pub fn of(pg_config: &Path) -> Result<Installation> {
    let original = Installation::at(pg_config)?;
    if original.bindir.starts_with(paths::home()?) {
        return check(original);
    }
    let root = paths::home()?.join("postgres").join(original.major.to_string());
    let marker = below(&root, &original.bindir).join(MARKER);
    let version = identity(&original)?;
    if fs::read_to_string(&marker).ok().as_deref() != Some(version.as_str()) {
        println!("copying PostgreSQL {} to {}", original.version, root.display());
        for dir in [&original.bindir, &original.pkglibdir, &original.sharedir, &original.includedir_server] {
            if dir.is_dir() {
                files::copy_tree(dir, &below(&root, dir))?;
            }
        }
        copy_client_libraries(pg_config, &root)?;
        files::put(version.as_bytes(), &marker, 0o644)?;
    }
    let copy = Installation::at(&below(&root, &original.bindir).join("pg_config"))?;
    if !copy.sharedir.starts_with(&root) || !copy.pkglibdir.starts_with(&root) {
        bail!(
            "PostgreSQL {} cannot be moved: its copy still looks for its files in {}",
            original.version,
            copy.sharedir.display()
        );
    }
    check(copy)
}

/// Fails unless the user that servers run as can run this server.
pub(super) fn check(installation: Installation) -> Result<Installation> {
    for program in ["postgres", "initdb", "psql"] {
        let mut command = installation.command(program);
        process::output(process::as_server_user(command.arg("--version"))?).with_context(|| {
            format!(
                "{} cannot run; if it cannot be read by the user that servers run as, set CACHE_PG_HOME \
                 to a directory that everyone may enter",
                installation.bindir.join(program).display()
            )
        })?;
    }
    Ok(installation)
}

/// The absolute path `dir`, moved below `root`.
fn below(root: &Path, dir: &Path) -> PathBuf {
    root.join(dir.strip_prefix("/").unwrap_or(dir))
}

/// What distinguishes builds of PostgreSQL: the version, and the time of installation, since a rebuild of the same
/// version may have other headers.
fn identity(original: &Installation) -> Result<String> {
    let printed = process::output(original.command("postgres").arg("--version"))?;
    let installed = fs::metadata(original.bindir.join("postgres"))?.modified()?;
    Ok(format!("{printed}\n{installed:?}\n"))
}

/// Copies libpq and the like: a server that was built into its own directory has them there, and its programs may look
/// for them relative to themselves.
fn copy_client_libraries(pg_config: &Path, root: &Path) -> Result<()> {
    let libdir = PathBuf::from(process::output(Command::new(pg_config).arg("--libdir"))?);
    for file in files::entries(&libdir) {
        let name = files::name(&file);
        if ["libpq.", "libecpg", "libpgtypes"].iter().any(|start| name.starts_with(start))
            && name.contains(".so")
            && file.is_file()
        {
            fs::create_dir_all(below(root, &libdir))?;
            files::copy(&file, &below(root, &libdir).join(name))?;
        }
    }
    Ok(())
}
