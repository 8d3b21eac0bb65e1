//! Runs every snippet of the README, in order, in one fresh database, and compares what it prints with what the
//! README says that it prints.
//!
//! A language whose tools are absent is left out and said to be; with `CACHE_PG_ALL` set that is a failure.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use cache_pg_readme_tests::block::{self, Block};
use cache_pg_readme_tests::run::{Outcome, Runner};
use cache_pg_readme_tests::{compare, readme};
use xtask::cluster::{Cluster, LIFETIME_IN_TESTS};
use xtask::postgres;

const DATABASE: &str = "readme";

/// How many blocks of each language passed, what failed, and what was left out and why.
#[derive(Default)]
struct Report {
    passed: BTreeMap<String, usize>,
    failed: usize,
    left_out: BTreeMap<String, String>,
}

fn main() -> ExitCode {
    let report = match run() {
        Ok(report) => report,
        Err(error) => {
            eprintln!("the README cannot be tested: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    for (language, passed) in &report.passed {
        println!("README: {language}: {passed} passed");
    }
    for (language, why) in &report.left_out {
        println!("README: {language}: left out: {why}");
    }
    println!("README: {} failed", report.failed);
    let must_have_all = std::env::var_os("CACHE_PG_ALL").is_some();
    if report.failed > 0 || must_have_all && !report.left_out.is_empty() {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn run() -> Result<Report> {
    let readme = readme()?;
    let blocks = block::parse(&readme);
    if blocks.iter().filter(|block| block.language == "rust").count() != 1 {
        bail!("the Rust of the README is compiled as one program: it must be one block");
    }
    let cluster = Cluster::builder(&postgres::under_test()?).lifetime(LIFETIME_IN_TESTS).start()?;
    cluster.psql("postgres", &["-c", &format!("CREATE DATABASE {DATABASE}")])?;
    let runner = Runner::new(&cluster, DATABASE, Path::new(env!("CARGO_BIN_EXE_readme_snippet")));
    let mut report = Report::default();
    let mut last = Outcome::NotToBeRun;
    for block in &blocks {
        let outcome = if block.language == "text" { compared(block, &last) } else { runner.run(block) };
        report.add(block, &outcome);
        if block.language != "text" {
            // What a failed block should have printed is not missed a second time.
            last = outcome.unwrap_or_else(|_| Outcome::LeftOut("it failed".to_owned()));
        }
    }
    Ok(report)
}

/// Compares a `text` block with what the block before it printed.
fn compared(block: &Block, last: &Outcome) -> Result<Outcome> {
    match last {
        _ if block.says("no-run") => {}
        Outcome::Ran(printed) => {
            compare::same(&block.text, printed)?;
            return Ok(Outcome::Ran(String::new()));
        }
        Outcome::LeftOut(_) => {}
        Outcome::NotToBeRun => bail!("nothing before it has printed this; should it say no-run?"),
    }
    Ok(Outcome::NotToBeRun)
}

impl Report {
    fn add(&mut self, block: &Block, outcome: &Result<Outcome>) {
        match outcome {
            Ok(Outcome::Ran(_)) => *self.passed.entry(block.language.clone()).or_default() += 1,
            Ok(Outcome::LeftOut(why)) => {
                self.left_out.insert(block.language.clone(), why.clone());
            }
            Ok(Outcome::NotToBeRun) => {}
            Err(error) => {
                println!("README.md:{}: {error:#}", block.line);
                self.failed += 1;
            }
        }
    }
}
