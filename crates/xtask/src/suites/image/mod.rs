//! Owns the suite `image`: the images of `packaging` are built and started without an engine for containers.
//!
//! The instructions of their Dockerfiles are interpreted. Must never accept an instruction that it does not carry out.

mod build;
mod dockerfile;
mod official;
mod volume;

use anyhow::Result;

use super::jailed::unless_unavailable;
use super::{kind::VOLUMES_MAJOR, results, summary::Verdict};
use crate::chroot::{self, DEBIANS_MAJOR};
use crate::output;
use crate::package::{self, deb};
use crate::postgres::Installation;

/// Tests the image for users, or, on a major that can load extensions from a volume, that for CloudNativePG.
///
/// # Errors
/// When an image does not do as its page says. A machine that cannot run the test is none.
pub fn run(installation: &Installation) -> Result<Verdict> {
    unless_unavailable(test(installation))
}

fn test(installation: &Installation) -> Result<()> {
    let system = chroot::debian(&format!("postgresql-{DEBIANS_MAJOR}"))?;
    let context = results::of_this_run(&format!("image-{}", installation.name()));
    let file = deb::make(&package::built(installation)?, installation, &context)?;
    output::line(&format!("the context of the build has {}", file.display()));
    if installation.major < VOLUMES_MAJOR {
        official::test(&system, installation, &context)
    } else {
        volume::test(&system, installation, &context)
    }
}
