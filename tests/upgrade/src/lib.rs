//! What the tests of updates share: made-up releases, the catalogs as text, and a cache in use.
//!
//! Must hold no test. Must never change a script that is installed: made-up releases have names of their own.

mod catalogs;
mod fixture;
mod scene;

pub use catalogs::{catalogs, difference};
pub use fixture::{Fixture, edited, released_script, unique};
pub use scene::{Scene, contents};

use anyhow::{Context, Result};
use postgres::Client;
use xtask::cluster::Cluster;
use xtask::package;
use xtask::postgres::Installation;

/// The version of the library under test, which is the default of CREATE EXTENSION.
///
/// # Errors
/// When the control file has none.
pub fn present(installation: &Installation) -> Result<String> {
    let file = installation.extension_dir().join("cache_pg.control");
    let control = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let version = control.lines().find_map(|line| line.strip_prefix("default_version = '")?.strip_suffix('\''));
    Ok(version.context("the control file has no version")?.to_owned())
}

/// The released versions, oldest first.
pub fn releases() -> Vec<String> {
    package::released_scripts().into_iter().map(|(version, _)| version).collect()
}

/// Creates `database` with a version of the extension in it, and returns a connection to it.
///
/// # Errors
/// When one of them cannot be created.
pub fn create(cluster: &Cluster, database: &str, version: &str) -> Result<Client> {
    cluster.connect("postgres")?.batch_execute(&format!("CREATE DATABASE {database}"))?;
    let mut client = cluster.connect(database)?;
    client
        .batch_execute(&format!("CREATE EXTENSION cache_pg VERSION '{version}'"))
        .with_context(|| format!("CREATE EXTENSION of version {version}"))?;
    Ok(client)
}

/// Updates the extension of a database.
///
/// # Errors
/// When the script fails.
pub fn update(client: &mut Client, version: &str) -> Result<()> {
    client
        .batch_execute(&format!("ALTER EXTENSION cache_pg UPDATE TO '{version}'"))
        .with_context(|| format!("ALTER EXTENSION UPDATE TO {version}"))
}
