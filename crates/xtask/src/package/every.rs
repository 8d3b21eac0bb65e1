//! Owns `cargo xtask package`: a package of Debian for every major version that is at hand.
//!
//! Must never leave out a major version without a printed line.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::{build, deb};
use crate::{paths, postgres};

/// Builds the extension for each of the `majors` (all that are available when empty), makes the packages in
/// `target/package`, prints their files and sizes, and returns their paths.
///
/// # Errors
/// When one of the named majors is not available, or a package cannot be made.
pub fn packages(majors: &[u16]) -> Result<Vec<PathBuf>> {
    packages_into(majors, &paths::project().join("target/package"))
}

/// As [`packages`], in another directory.
///
/// # Errors
/// As [`packages`].
pub(crate) fn packages_into(majors: &[u16], into: &Path) -> Result<Vec<PathBuf>> {
    let available = postgres::available(majors)?;
    let left_out: Vec<_> = available.left_out.iter().map(|it| format!("PostgreSQL {}: {}", it.major, it.why)).collect();
    if !majors.is_empty() && !left_out.is_empty() {
        bail!("{}", left_out.join("\n"));
    }
    let mut made = Vec::new();
    for installation in &available.installations {
        let deb = deb::make(&build(installation)?, installation, into)?;
        println!("\n{}\n", deb::describe(&deb)?);
        made.push(deb);
    }
    println!("{} packages are in {}", made.len(), into.display());
    left_out.iter().for_each(|why| println!("no package for {why}"));
    Ok(made)
}
