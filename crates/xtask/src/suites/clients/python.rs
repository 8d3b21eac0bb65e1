//! Owns the tests of `clients/python`: the package is built and installed as a user does it, and tested by its own
//! tests, by Django's and by dogpile's.
//!
//! Must never test what pip would not deliver.

use std::path::{Path, PathBuf};
use std::{fs, process::Command};

use anyhow::{Context, Result};

use super::part::{Part, Unavailable};
use super::together::together;
use crate::{files, paths, prerequisites::python, process};

/// The oldest version that the package runs on.
pub(super) const OLDEST: (u16, u16) = (3, 10);
/// Its source distribution has its tests.
const DJANGO: &str = "Django==5.2.19";
/// Its wheel has its tests.
const DOGPILE: &str = "dogpile.cache==1.5.0";
/// Where its runners are, in the sources.
const FRAMEWORKS: &str = "tests/frameworks";
/// The checks that run on the sources, with the packages of the group `test`.
const CHECKS: [&[&str]; 4] = [
    &["-m", "mypy"],
    &["-m", "ruff", "check"],
    &["-m", "ruff", "format", "--check"],
    &["tools/make_sync.py", "--check"],
];
/// Compiling what is installed takes longer than to run it.
pub(super) const INSTALL: [&str; 3] = ["install", "--quiet", "--no-compile"];
/// The first program of a user.
const SMOKE: &str = include_str!("smoke.py");

/// Runs everything. Suites that fail are noted in `part`.
///
/// # Errors
/// When a step between them fails; [`Unavailable`] without Python, pip or their registry.
pub fn run(part: &Part) -> Result<()> {
    python::require(OLDEST).map_err(|error| Unavailable(format!("{error:#}")))?;
    let (tools, user) = (part.folder("tools")?, part.folder("user")?);
    for environment in [&tools, &user] {
        python::environment(environment).map_err(|error| Unavailable(format!("{error:#}")))?;
    }
    let sources = part.sources("package")?;
    // Older ones do not know the groups of a pyproject.toml.
    part.fetch("pip install pip", pip(&tools)?.args(INSTALL).arg("pip>=25.1"))?;
    let mut group = of(&tools, &sources)?;
    part.fetch(
        "pip install, for tests",
        group.args(["-m", "pip"]).args(INSTALL).args(["--group", "test", DJANGO, DOGPILE]),
    )?;
    let built = part.folder("built")?;
    part.fetch("build", of(&tools, &sources)?.args(["-m", "build", "--outdir"]).arg(&built))?;
    let is_wheel = |file: &PathBuf| file.extension().is_some_and(|end| end == "whl");
    let wheel = files::entries(&built).into_iter().find(is_wheel).context("the build has left no wheel")?;
    together(&[&|| as_user(part, &user, &wheel), &|| tests(part, &tools, &sources, &wheel)])
}

/// Installs the wheel into the fresh environment `user`, and uses it in an empty folder.
fn as_user(part: &Part, user: &Path, wheel: &Path) -> Result<()> {
    part.fetch("pip install, as a user", pip(user)?.args(INSTALL).arg(with(wheel, "binary")))?;
    let empty = part.folder("empty")?;
    fs::write(empty.join("smoke.py"), SMOKE)?;
    part.step("run a program", part.on_database("smoke", of(user, &empty)?.arg("smoke.py"))?)?;
    Ok(())
}

/// Checks the sources, and runs the suites on the wheel.
fn tests(part: &Part, tools: &Path, sources: &Path, wheel: &Path) -> Result<()> {
    part.fetch("pip install the wheel", pip(tools)?.args(INSTALL).arg(with(wheel, "binary,pool,django,dogpile")))?;
    together(&[
        &|| CHECKS.iter().try_for_each(|check| part.step(&check.join(" "), of(tools, sources)?.args(*check)).map(drop)),
        &|| own(part, tools, sources),
        &|| django(part, tools, sources),
        &|| dogpile(part, tools, sources),
    ])
}

fn own(part: &Part, tools: &Path, sources: &Path) -> Result<()> {
    let read = "from importlib.metadata import version; print(version('cache-pg'))";
    let version = process::output(of(tools, sources)?.args(["-c", read]))?;
    let mut pytest = of(tools, sources)?;
    pytest.args(["-m", "pytest", "-rsx", "--override-ini=pythonpath="]);
    part.suite("cache-pg (Python), its own tests", &version, part.on_database("own", &mut pytest)?)
}

fn django(part: &Part, tools: &Path, sources: &Path) -> Result<()> {
    let source = source_of_django(part)?;
    let mut django = of(tools, &sources.join(FRAMEWORKS))?;
    django.arg("run_django.py").arg(source);
    part.suite("Django, tests/cache/tests.py", version(DJANGO), part.on_database("django", &mut django)?)
}

fn dogpile(part: &Part, tools: &Path, sources: &Path) -> Result<()> {
    let mut dogpile = of(tools, &sources.join(FRAMEWORKS))?;
    part.suite(
        "dogpile.cache, dogpile.testing",
        version(DOGPILE),
        part.on_database("dogpile", dogpile.arg("run_dogpile.py"))?,
    )
}

/// The source distribution of Django, fetched now unless it is there.
fn source_of_django(part: &Part) -> Result<PathBuf> {
    let target = paths::home()?.join(DJANGO.replace("==", "-").to_lowercase());
    if !target.is_dir() {
        let fetched = part.folder("django")?;
        let mut download = Command::new("python3");
        download.args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=Django", "--dest"]).arg(&fetched);
        part.fetch("fetch the source of Django", download.arg(DJANGO))?;
        let archive = files::entries(&fetched).into_iter().next().context("pip has fetched no file")?;
        let scratch = tempfile::tempdir_in(paths::home()?)?;
        process::output(Command::new("tar").arg("--extract").arg("--file").arg(archive).current_dir(scratch.path()))?;
        let unpacked = files::entries(scratch.path()).into_iter().next().context("the archive is empty")?;
        fs::rename(unpacked, &target).with_context(|| format!("cannot create {}", target.display()))?;
    }
    Ok(target)
}

/// The wheel with its `extras`, as pip takes it.
fn with(wheel: &Path, extras: &str) -> String {
    format!("{}[{extras}]", wheel.display())
}

/// The version of a requirement such as `Django==5.2.19`.
fn version(requirement: &str) -> &str {
    requirement.rsplit('=').next().unwrap_or_default()
}

/// pip on `environment`.
pub(super) fn pip(environment: &Path) -> Result<Command> {
    let mut pip = python::pip_of(environment);
    keep(&mut pip)?;
    Ok(pip)
}

/// The Python of `environment`, in the folder `dir`.
pub(super) fn of(environment: &Path, dir: &Path) -> Result<Command> {
    let mut python = Command::new(environment.join("bin/python"));
    python.current_dir(dir);
    keep(&mut python)?;
    Ok(python)
}

/// Keeps what pip fetches in the tool's home.
fn keep(command: &mut Command) -> Result<()> {
    command.env("PIP_CACHE_DIR", paths::home()?.join("pip")).env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    Ok(())
}
