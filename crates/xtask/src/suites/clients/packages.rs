//! Owns the making of the packages for npm and PyPI without testing them.
//!
//! Must never build in the sources, nor take what was built there.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{python, sources, typescript};
use crate::{files, package, paths, prerequisites, process};

/// Builds both packages from a copy of their sources, as the suite does, and puts the files that the registries take
/// into `into`: the npm package, the wheel and the source distribution.
///
/// # Errors
/// When Node, npm, Python or pip is missing, or a package cannot be built.
pub fn packages(into: &Path) -> Result<()> {
    prerequisites::node::require(typescript::OLDEST)?;
    prerequisites::python::require(python::OLDEST)?;
    let all = paths::project().join("target/clients");
    std::fs::create_dir_all(&all)?;
    let scratch = tempfile::tempdir_in(all)?;
    let copy = |name: &str| -> Result<PathBuf> {
        let copy = scratch.path().join(name);
        sources::copy(&paths::project().join("clients").join(name), &copy)?;
        Ok(copy)
    };

    println!("building the package for npm");
    let source = copy("typescript")?;
    process::output(typescript::npm(&source)?.arg("ci").args(typescript::QUIET))?;
    process::output(typescript::npm(&source)?.args(["pack", "--loglevel=error", "--pack-destination"]).arg(into))?;

    println!("building the package for PyPI");
    let (source, tools, built) = (copy("python")?, scratch.path().join("tools"), scratch.path().join("built"));
    prerequisites::python::environment(&tools)?;
    process::output(python::pip(&tools)?.args(python::INSTALL).arg("build"))?;
    let mut build = python::of(&tools, &source)?;
    let (variable, time) = package::source_time()?;
    process::output(build.args(["-m", "build", "--outdir"]).arg(&built).env(variable, time))?;
    // The tool leaves a .gitignore beside them.
    let is_artefact = |file: &&PathBuf| !files::name(file).starts_with('.');
    files::entries(&built)
        .iter()
        .filter(is_artefact)
        .try_for_each(|file| files::copy(file, &into.join(files::name(file))))
}
