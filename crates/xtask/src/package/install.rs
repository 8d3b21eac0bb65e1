//! Owns the installing of a package into a server.
//!
//! Must never overwrite the library in place: a running server has it mapped and would crash.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::build::{Package, build};
use crate::{files, postgres::Installation};

/// Installs into a private installation, and removes scripts of other versions from it.
///
/// # Errors
/// When its directories cannot be written to.
pub fn install(package: &Package, installation: &Installation) -> Result<()> {
    for file in files::entries(&installation.extension_dir()) {
        let is_of_package = package.scripts.iter().any(|script| script.file_name() == file.file_name());
        if files::name(&file).starts_with("cache_pg--") && !is_of_package {
            fs::remove_file(&file)?;
        }
    }
    place(package, &installation.pkglibdir, &installation.extension_dir())
}

/// Builds for the PostgreSQL of `pg_config`, installs into it, or below `destdir` for packages, and prints the next
/// steps.
///
/// # Errors
/// When the build fails, or the caller may not write there; the message says what to run instead.
pub fn install_into_server(pg_config: &Path, destdir: Option<&Path>) -> Result<()> {
    let server = Installation::at(pg_config)?;
    let package = build(&server)?;
    let libdir = staged(destdir, &server.pkglibdir);
    let extensions = staged(destdir, &server.extension_dir());
    if destdir.is_some() {
        fs::create_dir_all(&libdir)?;
        fs::create_dir_all(&extensions)?;
    }
    place(&package, &libdir, &extensions).with_context(|| {
        let mut by_hand = String::from("not installed. An administrator can run:");
        for (file, dir) in targets(&package, &libdir, &extensions) {
            by_hand += &format!("\n  sudo install -m 644 {} {}/", file.display(), dir.display());
        }
        by_hand
    })?;
    if let Some(root) = destdir {
        println!("cache_pg {} for PostgreSQL {} is in {}", package.version, server.version, root.display());
        return Ok(());
    }
    println!(
        "\ncache_pg {} is installed for PostgreSQL {}. Next steps:\n\
         \n  1. in postgresql.conf:    shared_preload_libraries = 'cache_pg'\
         \n                            (separate it from other libraries with a comma)\
         \n  2. restart the server\
         \n  3. in your database:      CREATE EXTENSION cache_pg;\n",
        package.version, server.version
    );
    Ok(())
}

fn staged(destdir: Option<&Path>, dir: &Path) -> PathBuf {
    match destdir {
        Some(root) => root.join(dir.strip_prefix("/").unwrap_or(dir)),
        None => dir.to_owned(),
    }
}

/// Scripts go first: a server that already runs the new library must find them.
fn place(package: &Package, libdir: &Path, extensions: &Path) -> Result<()> {
    for (file, dir) in targets(package, libdir, extensions) {
        let name = file.file_name().context("it has no file name")?;
        files::copy(file, &dir.join(name))?;
    }
    Ok(())
}

fn targets<'a>(package: &'a Package, libdir: &'a Path, extensions: &'a Path) -> Vec<(&'a Path, &'a Path)> {
    let scripts = package.scripts.iter().map(|script| (script.as_path(), extensions));
    scripts.chain([(package.library.as_path(), libdir)]).collect()
}
