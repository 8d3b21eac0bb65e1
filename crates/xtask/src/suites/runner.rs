//! Owns `cargo xtask test`: every test of the project, run in order and counted.
//!
//! Must never stop at the first failure, nor report a suite as passed that did not run.

use std::time::Instant;

use anyhow::{Result, bail};

use super::summary::{Outcome, Summary, Verdict};
use super::{clients, image, kind::Suite, package as package_suite, pgspot, programs, regress};
use crate::chroot::DEBIANS_MAJOR;
use crate::postgres::{self, Available, Installation};
use crate::{cluster, package, paths};

/// Runs the suites in `only` (all when empty) on the `majors` (all that are available when empty), and returns the
/// results. `assertions`: run the suites with concurrent sessions on an 18 with assertions, if it is available, instead
/// of the usual 18.
///
/// # Errors
/// When no PostgreSQL is available. A failed test is not an error here.
fn run(majors: &[u16], only: &[Suite], assertions: bool) -> Result<Summary> {
    let wanted = |suite: Suite| only.is_empty() || only.contains(&suite);
    let mut summary = Summary::default();
    let needs_server = only.is_empty() || only.iter().any(|&suite| suite != Suite::Unit);
    let available = if needs_server { postgres::available(majors)? } else { Available::default() };
    let checking = |installation: &&Installation| installation.major == 18 && !installation.has_assertions;
    let is_checked = assertions && available.installations.iter().any(|installation| checking(&installation));
    // It is built during the lints and finished before any test: a build would disturb measurements.
    let building = is_checked.then(postgres::assertions::begin);
    if wanted(Suite::Lint) {
        summary.add(timed("lint", None, programs::lint_tools));
    }
    if wanted(Suite::Unit) {
        summary.add(timed("unit", None, programs::unit));
    }
    let checked = building.and_then(|building| {
        let built = building.and_then(postgres::assertions::Building::wait);
        let left_out = |error| {
            let why = format!("{error:#}").replace('\n', " ") + "; the usual 18 replaces it";
            summary.add(Outcome::left_out("all", Some("18-asserts".into()), why));
        };
        built.map_err(left_out).ok()
    });
    let found = || available.installations.iter().map(|installation| installation.major);
    let (oldest, newest) = (found().min(), found().max());
    for installation in &available.installations {
        let major = Some(installation.major);
        // The golden tests show differences between majors. The suites that take minutes run at both ends.
        let is_between = majors.is_empty() && only.is_empty() && major != oldest && major != newest;
        let wanted_here = |suite| match suite {
            Suite::Clients | Suite::Bench => wanted(suite) && major == newest,
            Suite::Package => wanted(suite) && major == Some(DEBIANS_MAJOR),
            Suite::Image => wanted(suite) && [Some(DEBIANS_MAJOR), Some(image::VOLUMES_MAJOR)].contains(&major),
            Suite::Server | Suite::Attack | Suite::Oracle | Suite::Upgrade | Suite::Readme => wanted(suite) && !is_between,
            _ => wanted(suite),
        };
        if is_between {
            let why = "a whole run takes them on the oldest and on the newest PostgreSQL";
            summary.add(Outcome::left_out(
                "server, attack, oracle, upgrade, readme",
                Some(installation.name()),
                why.into(),
            ));
        }
        let checked = checked.as_ref().filter(|_| checking(&installation));
        on(installation, checked, &available.installations[0], &wanted_here, &mut summary);
    }
    for left_out in available.left_out {
        summary.add(Outcome::left_out("all", Some(left_out.major.to_string()), left_out.why));
    }
    Ok(summary)
}

/// Runs the suites that need a PostgreSQL on this one. `checked` is the same with assertions; it replaces the usual one
/// for the suites with concurrent sessions. The quick suites run on both, because the two differ where a caller may not
/// wait.
fn on(
    installation: &Installation,
    checked: Option<&Installation>,
    oldest: &Installation,
    wanted: &dyn Fn(Suite) -> bool,
    summary: &mut Summary,
) {
    let name = Some(installation);
    if wanted(Suite::Lint) {
        summary.add(timed("lint", name, || programs::lint_extension(installation)));
    }
    let on_server = [
        Suite::Sql,
        Suite::Isolation,
        Suite::Server,
        Suite::Attack,
        Suite::Oracle,
        Suite::Upgrade,
        Suite::Readme,
        Suite::Clients,
        Suite::Package,
        Suite::Image,
        Suite::Bench,
    ];
    if !on_server.iter().any(|&suite| wanted(suite)) {
        return;
    }
    let mut built = None;
    let outcome = timed("build", name, || {
        let package = package::build(installation)?;
        for server in [Some(installation), checked].into_iter().flatten() {
            package::install(&package, server)?;
        }
        built = Some(package);
        Ok(Verdict::Passed)
    });
    let usable = outcome.passed();
    summary.add(outcome);
    if wanted(Suite::Sql)
        && let Some(package) = &built
    {
        summary.add(timed("pgspot", name, || pgspot::run(package)));
    }
    if wanted(Suite::Upgrade)
        && let Some(package) = &built
    {
        summary.add(timed("release", name, || package::release::check(package).map(|()| Verdict::Passed)));
    }
    for suite in on_server.into_iter().filter(|&suite| wanted(suite)) {
        let servers = match suite {
            Suite::Sql | Suite::Isolation => [Some(installation), checked],
            Suite::Server | Suite::Oracle => [Some(checked.unwrap_or(installation)), None],
            _ => [Some(installation), None],
        };
        for server in servers.into_iter().flatten() {
            if usable && suite == Suite::Upgrade {
                let run = || programs::upgrade(server, oldest);
                summary.add(timed(&suite.name(), Some(server), run));
            } else if usable {
                on_one(suite, server, summary);
            } else {
                summary.add(Outcome::left_out(&suite.name(), Some(server.name()), "it was not built".to_owned()));
            }
        }
    }
}

fn on_one(suite: Suite, installation: &Installation, summary: &mut Summary) {
    if suite == Suite::Clients {
        return clients::run(installation).into_iter().for_each(|outcome| summary.add(outcome));
    }
    summary.add(timed(&suite.name(), Some(installation), || match suite {
        Suite::Server => programs::against("cache_pg_server_tests", &["--test-threads=2"], installation),
        // The fuzzer's counts are printed.
        Suite::Attack => programs::against("cache_pg_attack_tests", &["--test-threads=2", "--nocapture"], installation),
        // One after the other, because each uses the whole machine. Their counts are printed.
        Suite::Oracle => programs::against("cache_pg_oracle", &["--test-threads=1", "--nocapture"], installation),
        Suite::Upgrade => programs::upgrade(installation, installation),
        Suite::Readme => programs::against("cache_pg_readme_tests", &["--test-threads=2"], installation),
        Suite::Package => package_suite::run(installation),
        Suite::Image => image::run(installation),
        Suite::Bench => programs::against("cache_pg_bench", &["--test-threads=2"], installation),
        _ => regress::run(suite, installation),
    }));
}

/// Runs the suites in `only` on the usual PostgreSQL, with the library that is installed there.
///
/// # Errors
/// When there is none. A failed test is not an error here.
pub fn run_installed(only: &[Suite]) -> Result<Summary> {
    let installation = postgres::under_test()?;
    let mut summary = Summary::default();
    for &suite in only {
        on_one(suite, &installation, &mut summary);
    }
    Ok(summary)
}

fn timed(suite: &str, installation: Option<&Installation>, run: impl FnOnce() -> Result<Verdict>) -> Outcome {
    let postgres = installation.map(Installation::name);
    let where_to = postgres.as_ref().map(|name| format!(" on PostgreSQL {name}"));
    println!("\n== {suite}{}", where_to.unwrap_or_default());
    let start = Instant::now();
    let verdict = run().unwrap_or_else(|error| {
        eprintln!("{error:#}");
        let text = format!("{error:#}");
        Verdict::Failed(text.lines().next().unwrap_or_default().to_owned())
    });
    Outcome { suite: suite.to_owned(), postgres, verdict, took: start.elapsed() }
}

/// Runs the suites and fails when one of them did.
///
/// # Errors
/// When no PostgreSQL is available, or a suite failed.
pub fn run_and_report(majors: &[u16], only: &[Suite], assertions: bool) -> Result<()> {
    announce();
    cluster::remove_leftovers()?;
    let summary = run(majors, only, assertions)?;
    print!("\n{summary}");
    if summary.failed() > 0 {
        bail!("a suite failed");
    }
    Ok(())
}

fn announce() {
    if !paths::extension_target().join("release").is_dir() {
        println!(
            "This provides every PostgreSQL that is available here, builds the extension for each, and runs all tests. \
             The first run\ntakes about ten minutes, most of it compiling. It does not touch your own PostgreSQL."
        );
    }
}
