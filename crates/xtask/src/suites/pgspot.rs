//! Owns the check of the install script with pgspot, which finds names that a hostile search_path could redirect.
//!
//! Must never accept a script that pgspot has not read to its end.

use std::{fs, process::Command};

use anyhow::{Context, Result, bail};

use super::summary::Verdict;
use crate::{package::Package, paths, prerequisites::python, process};

/// The version for this project.
const PGSPOT: &str = "pgspot==0.9.4";
/// The last line of its output for a script without a fault.
const CLEAN: &str = "Errors: 0 Warnings: 0 Unknown: 0";

/// Checks the install script of `package`.
///
/// # Errors
/// When pgspot finds a fault or fails.
pub fn run(package: &Package) -> Result<Verdict> {
    let modules = paths::home()?.join(PGSPOT.replace("==", "-"));
    if !modules.is_dir()
        && let Err(error) = fetch(&modules)
    {
        return Ok(Verdict::LeftOut(format!("pgspot is not available: {error:#}")));
    }
    let install = package.scripts.iter().find(|script| script.extension().is_some_and(|end| end == "sql"));
    let script = fs::read_to_string(install.context("the package has no install script")?)?;
    let readable = tempfile::NamedTempFile::new()?;
    fs::write(readable.path(), without_standard_bodies(&script).replace("@extschema@", "cache"))?;
    let said = process::output(
        Command::new("python3")
            .args(["-c", "from pgspot.cli import run; run()"])
            .arg(readable.path())
            .env("PYTHONPATH", &modules),
    )?;
    // If it gives up half-way, its complaint follows the counts.
    if said.trim().ends_with(CLEAN) { Ok(Verdict::Passed) } else { bail!("pgspot has found a fault:\n{said}") }
}

fn fetch(modules: &std::path::Path) -> Result<()> {
    python::pip()?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]).arg(modules).arg(PGSPOT);
    process::output(&mut pip).map(drop)
}

/// The script without functions in SQL-standard form (`RETURN …`), which pgspot cannot read. Their names are bound when
/// they are created, so no search_path changes what they call.
fn without_standard_bodies(script: &str) -> String {
    script.split_inclusive(";\n").filter(|statement| !statement.contains("\n    RETURN ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_functions_in_sql_standard_form_are_left_out() {
        let script = "CREATE FUNCTION a() RETURNS int\n    LANGUAGE sql\n    RETURN 1;\nSELECT a();\n";
        assert_eq!(without_standard_bodies(script), "SELECT a();\n");
    }
}
