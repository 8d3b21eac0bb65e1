//! Owns the making of the packages for npm and PyPI without testing them.
//!
//! Must never build in the sources, nor take what was built there.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

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

    let built = scratch.path().join("built");
    std::fs::create_dir(&built)?;

    println!("building the package for npm");
    let source = copy("typescript")?;
    process::output(typescript::npm(&source)?.arg("ci").args(typescript::QUIET))?;
    process::output(typescript::npm(&source)?.args(["pack", "--loglevel=error", "--pack-destination"]).arg(&built))?;

    println!("building the package for PyPI");
    let (source, tools) = (copy("python")?, scratch.path().join("tools"));
    prerequisites::python::environment(&tools)?;
    process::output(python::pip(&tools)?.args(python::INSTALL).arg("build"))?;
    let mut build = python::of(&tools, &source)?;
    let (variable, time) = package::source_time()?;
    process::output(build.args(["-m", "build", "--outdir"]).arg(&built).env(variable, time))?;
    deliver(&built, into)
}

/// Copies all files in `built` to `into`. None may have the name of a file that is there.
fn deliver(built: &Path, into: &Path) -> Result<()> {
    // A tool leaves a .gitignore beside them.
    for file in files::entries(built).iter().filter(|file| !files::name(file).starts_with('.')) {
        let target = into.join(files::name(file));
        ensure!(!target.exists(), "two files of the release have the name {}", files::name(file));
        files::copy(file, &target)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_package_replaces_another_file_of_the_release() {
        let dir = tempfile::tempdir().unwrap();
        let (built, into) = (dir.path().join("built"), dir.path().join("into"));
        for (dir, names) in [(&built, &["a.whl", ".gitignore"][..]), (&into, &["b.deb"])] {
            std::fs::create_dir(dir).unwrap();
            names.iter().for_each(|name| std::fs::write(dir.join(name), "").unwrap());
        }
        deliver(&built, &into).unwrap();
        assert_eq!(files::entries(&into), [into.join("a.whl"), into.join("b.deb")]);
        assert!(deliver(&built, &into).unwrap_err().to_string().contains("a.whl"));
    }
}
