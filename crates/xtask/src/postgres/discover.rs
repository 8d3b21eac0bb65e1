//! Which PostgreSQL versions can be had on this machine, and from where.
//!
//! Must never fail for one version that cannot be had: it is left out, with the reason.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::installation::{Installation, UNDER_TEST};
use super::{debian, private, wheel};
use crate::paths;

/// The versions to test against when nobody says which, besides whatever the system has.
const USUAL: [u16; 3] = [15, 16, 18];

/// What could be had.
#[derive(Debug, Default)]
pub struct AtHand {
    /// Ready to install into, oldest first.
    pub installations: Vec<Installation>,
    /// What was asked for and could not be had.
    pub left_out: Vec<LeftOut>,
}

/// A version that could not be had.
#[derive(Debug)]
pub struct LeftOut {
    /// The major version.
    pub major: u16,
    /// Why, in one line.
    pub why: String,
}

/// Provides the `wanted` majors, or when there are none all that this machine can have. With the environment
/// variable `PG_CONFIG` set it is that one PostgreSQL only.
///
/// # Errors
/// When not one could be had, or when `PG_CONFIG` leads nowhere.
pub fn at_hand(wanted: &[u16]) -> Result<AtHand> {
    let mut found = AtHand::default();
    if let Some(pg_config) = given() {
        let installation = private::of(&pg_config)?;
        if !wanted.is_empty() && !wanted.contains(&installation.major) {
            bail!("PG_CONFIG is of PostgreSQL {}, which was not asked for", installation.version);
        }
        found.installations.push(installation);
        return Ok(found);
    }
    let mut majors = wanted.to_vec();
    if majors.is_empty() {
        majors.extend(USUAL);
        majors.extend(debian::installed());
    }
    majors.sort_unstable();
    majors.dedup();
    for major in majors {
        match provide(major) {
            Ok(installation) => found.installations.push(installation),
            Err(error) => found.left_out.push(LeftOut { major, why: format!("{error:#}").replace('\n', " ") }),
        }
    }
    if found.installations.is_empty() {
        let reasons: Vec<_> = found.left_out.iter().map(|out| format!("\n  {}: {}", out.major, out.why)).collect();
        bail!("no PostgreSQL can be had:{}", reasons.concat());
    }
    Ok(found)
}

/// The one PostgreSQL for what needs only one: that of `PG_CONFIG`, else 18, else the newest at hand.
///
/// # Errors
/// When none could be had.
pub fn preferred() -> Result<Installation> {
    if given().is_none()
        && let Ok(installation) = provide(18)
    {
        return Ok(installation);
    }
    at_hand(&[])?.installations.pop().context("no PostgreSQL can be had")
}

/// The PostgreSQL that the server tests are to use, with the extension installed: the one that
/// `cargo xtask test` names, else [`preferred`], so that `cargo test` alone works too.
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

fn given() -> Option<PathBuf> {
    std::env::var_os("PG_CONFIG").filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The private installation of one major, from the first place that has it.
fn provide(major: u16) -> Result<Installation> {
    paths::home()?;
    let from_system = || private::of(&debian::pg_config(major));
    let has_system = debian::installed().contains(&major);
    match major {
        18 => wheel::EIGHTEEN.installation().or_else(|error| if has_system { from_system() } else { Err(error) }),
        _ if has_system => from_system(),
        16 => wheel::SIXTEEN.installation(),
        15 => debian::install(15).and_then(|()| from_system()),
        _ => bail!("PostgreSQL {major} is not installed with its server headers; set PG_CONFIG to its pg_config"),
    }
}
