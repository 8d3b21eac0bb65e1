//! Owns the installable extension: it is built, put together and installed here.
//!
//! Must never depend on `cargo pgrx` or its configuration: cargo and a `pg_config` are enough.

mod build;
pub mod deb;
mod epoch;
mod every;
mod flags;
mod install;
pub mod released;
mod schema;
mod scripts;
mod symbols;

pub use build::{Package, build, build_with, built, cargo, selection};
pub(crate) use epoch::{git, variable as source_time};
pub use every::packages;
pub use install::{install, install_into_server};
pub use scripts::released as released_scripts;
