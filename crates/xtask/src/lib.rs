//! Owns the developer's tool of cache_pg: it provides PostgreSQL, builds and installs the extension, starts private
//! servers, and runs the test suites and the demo.
//!
//! Must never write to a PostgreSQL that it did not provide, except in [`package::install_into_server`], which the user
//! calls for that.

pub mod chroot;
pub mod cluster;
pub mod coverage;
pub mod demo;
pub mod files;
pub mod house;
pub mod ink;
pub mod output;
pub mod package;
pub mod paths;
pub mod pictures;
pub mod postgres;
pub mod prerequisites;
pub mod process;
pub mod release;
pub mod suites;
pub mod top;
