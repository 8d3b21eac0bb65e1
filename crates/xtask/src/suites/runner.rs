//! Owns `cargo xtask test`: every test of the project, run as planned and counted.
//!
//! Must never report a suite as passed that did not run, nor leave one out without a word.

use std::time::Instant;

use anyhow::{Result, bail};

use super::execution::{self, Run};
use super::kind::Suite;
use super::plan::{self, Wishes};
use super::summary::{Outcome, Summary};
use crate::postgres::{self, Available};
use crate::{cluster, paths};

/// Runs the suites in `only` (all when empty) on the `majors` (all that are available when empty), and returns the
/// results. `assertions`: run the suites with concurrent sessions on an 18 with assertions, if it is available, instead
/// of the usual 18.
///
/// # Errors
/// When no PostgreSQL is available. A failed test is not an error here.
fn run(majors: &[u16], only: &[Suite], assertions: bool) -> Result<Summary> {
    let start = Instant::now();
    let wishes = Wishes { majors, only };
    let available = if wishes.need_a_server() { postgres::available(majors)? } else { Available::default() };
    let mut run = Run::new(&available.installations, only);
    let has_eighteen = run.targets().iter().any(|target| target.major == 18);
    let has_assertions = run.targets().iter().any(|target| target.has_assertions);
    // It is built during the lints and finished before any test: a build would disturb measurements.
    let building = (assertions && has_eighteen && !has_assertions).then(postgres::assertions::begin);
    run.stage(&plan::preparation(&run.targets(), wishes));
    if let Some(building) = building {
        let built = building.and_then(postgres::assertions::Building::wait);
        if let Err(error) = built.and_then(|installation| run.add(installation)) {
            let why = format!("{error:#}").replace('\n', " ") + "; the suites run without it";
            run.tell(Outcome::left_out("all", Some("18-asserts".into()), why));
        }
    }
    for lanes in plan::tests(&run.targets(), wishes) {
        run.stage(&lanes);
    }
    for (target, suites) in plan::left_out(&run.targets(), wishes) {
        let suites: Vec<_> = suites.into_iter().map(Suite::name).collect();
        let why = "a whole run takes them on the oldest and on the newest PostgreSQL";
        run.tell(Outcome::left_out(&suites.join(", "), Some(target.name()), why.into()));
    }
    for suite in plan::nowhere(&run.targets(), wishes) {
        let why = "there is no PostgreSQL for it among these: CONTRIBUTING.md says which it runs on";
        run.tell(Outcome::left_out(&suite.name(), None, why.into()));
    }
    for left_out in available.left_out {
        run.tell(Outcome::left_out("all", Some(left_out.major.to_string()), left_out.why));
    }
    let mut summary = run.summary();
    summary.took(start.elapsed());
    Ok(summary)
}

/// Runs the suites in `only` on the usual PostgreSQL, with the library that is installed there.
///
/// # Errors
/// When there is none. A failed test is not an error here.
pub fn run_installed(only: &[Suite]) -> Result<Summary> {
    let installation = postgres::under_test()?;
    let mut summary = Summary::default();
    for &suite in only {
        execution::on(suite, &installation, &installation).into_iter().for_each(|outcome| summary.add(outcome));
    }
    Ok(summary)
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
    if summary.passed() == 0 {
        bail!("no suite ran");
    }
    Ok(())
}

fn announce() {
    if !paths::extension_target().join("release").is_dir() {
        println!(
            "This provides every PostgreSQL that is available here, builds the extension for each, and runs all tests. \
             The first run\ntakes about fifteen minutes before the first test, most of it compiling. It does not touch \
             your own PostgreSQL."
        );
    }
}
