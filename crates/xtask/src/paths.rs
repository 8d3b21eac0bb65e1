//! Owns the paths of the project, of its build output, and of the tool's home on this machine.
//!
//! Must never create a directory, except the home in [`home`].

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::unistd::Uid;

/// The database of the demo.
pub const DEMO_DATABASE: &str = "cache";

/// The root of the project's work tree.
pub fn project() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// Cargo's target directory for the extension. All majors share it: a major is a cargo feature, so their builds lie
/// side by side, and crates that do not depend on it are compiled once.
pub fn extension_target() -> PathBuf {
    project().join("target").join("extension")
}

/// The directory of the packaged extension for `major`.
pub fn package(major: u16) -> PathBuf {
    extension_target().join("package").join(format!("pg{major}"))
}

/// The directory that holds the PostgreSQL copies, cluster templates and the demo; created when absent.
///
/// It is `CACHE_PG_HOME`, else `/var/cache/cache_pg` for root (servers run as another user, who must be able to read
/// it), else the user's cache directory.
///
/// # Errors
/// When neither `CACHE_PG_HOME`, `XDG_CACHE_HOME` nor `HOME` is set, or it cannot be created.
pub fn home() -> Result<PathBuf> {
    let home = match std::env::var_os("CACHE_PG_HOME") {
        Some(given) => std::path::absolute(PathBuf::from(given))?,
        None if Uid::effective().is_root() => PathBuf::from("/var/cache/cache_pg"),
        None => user_cache()?.join("cache_pg"),
    };
    std::fs::create_dir_all(&home)
        .with_context(|| format!("cannot create {}; set CACHE_PG_HOME to a directory of yours", home.display()))?;
    Ok(home)
}

/// The directory of the demo's server, which need not exist.
///
/// # Errors
/// As for [`home`].
pub fn demo() -> Result<PathBuf> {
    Ok(home()?.join("demo"))
}

fn user_cache() -> Result<PathBuf> {
    std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .context("neither CACHE_PG_HOME nor HOME is set")
}
