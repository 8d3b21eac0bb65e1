//! Owns `cargo xtask package`: a package of Debian for every major version that is at hand.
//!
//! Must never leave out a major version without a printed line.

use std::path::Path;

use anyhow::{Result, bail};

use super::{
    build::{Package, build},
    deb,
};
use crate::postgres::{self, Installation};

/// Builds the extension for each of the `majors` (all that are available when empty), makes the packages in `into`, and
/// prints their files and sizes.
///
/// # Errors
/// When one of the named majors is not available, or a package cannot be made.
pub fn packages(majors: &[u16], into: &Path) -> Result<Vec<Package>> {
    let available = postgres::available(majors)?;
    let left_out: Vec<_> = available.left_out.iter().map(|it| format!("PostgreSQL {}: {}", it.major, it.why)).collect();
    if !majors.is_empty() && !left_out.is_empty() {
        bail!("{}", left_out.join("\n"));
    }
    let mut built = Vec::new();
    for installation in available.installations {
        let installation = of_debian(&installation).unwrap_or(installation);
        let package = build(&installation)?;
        println!("\n{}\n", deb::describe(&deb::make(&package, &installation, into)?)?);
        built.push(package);
    }
    println!("{} {} in {}", built.len(), if built.len() == 1 { "package is" } else { "packages are" }, into.display());
    left_out.iter().for_each(|why| println!("no package for {why}"));
    Ok(built)
}

/// The PostgreSQL of the system of the same major, if it has headers: the package is for that one.
fn of_debian(found: &Installation) -> Option<Installation> {
    let pg_config = format!("/usr/lib/postgresql/{}/bin/pg_config", found.major);
    let own = Installation::at(Path::new(&pg_config)).ok().filter(|own| own.require_buildable().is_ok());
    own.filter(|_| std::env::var_os("PG_CONFIG").is_none())
}
