//! Owns the installable extension: its library, its control file and its SQL, built, put together and installed.
//!
//! Must never depend on `cargo pgrx` or its configuration: cargo and a `pg_config` are enough.

mod build;
mod install;
mod schema;

pub use build::{Package, build, build_with, cargo, selection};
pub use install::{install, install_into_server};
