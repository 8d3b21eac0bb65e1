//! Runs every snippet of every page, and compares what it prints with what the page says that it prints.
//!
//! Each page has a fresh database on one server, and its snippets run in order. An argument names a part of the pages
//! to run: `-- clients`. A language whose tools are absent is left out and said to be; with `CACHE_PG_ALL` set that is
//! a failure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use cache_pg_readme_tests::block::{self, Block};
use cache_pg_readme_tests::page::Page;
use cache_pg_readme_tests::run::{Languages, Outcome, Runner};
use cache_pg_readme_tests::{compare, pages};
use postgres::Client;
use xtask::cluster::{Cluster, LIFETIME_IN_TESTS};
use xtask::postgres as installations;

const DATABASE: &str = "page";

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
            eprintln!("the pages cannot be tested: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    for (language, passed) in &report.passed {
        println!("pages: {language}: {passed} passed");
    }
    for (language, why) in &report.left_out {
        println!("pages: {language}: left out: {why}");
    }
    println!("pages: {} failed", report.failed);
    let must_have_all = std::env::var_os("CACHE_PG_ALL").is_some();
    if report.failed > 0 || must_have_all && !report.left_out.is_empty() {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn run() -> Result<Report> {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let cluster = Cluster::builder(&installations::under_test()?).lifetime(LIFETIME_IN_TESTS).start()?;
    let mut client = cluster.connect("postgres")?;
    let languages = Languages::new(Path::new(env!("CARGO_BIN_EXE_readme_snippet")));
    let mut report = Report::default();
    for page in pages()?.iter().filter(|page| page.name.contains(&wanted)) {
        let blocks = block::parse(&page.text);
        if blocks.iter().all(|block| block.says("no-run")) {
            continue;
        }
        let roles = roles(&mut client)?;
        prepare(&cluster, &mut client, &blocks)?;
        let runner = Runner::new(&cluster, &page.name, DATABASE, &languages);
        in_order(&runner, page, &blocks, &mut report);
        clean(&mut client, &roles).with_context(|| format!("cannot remove what {} leaves behind", page.name))?;
    }
    Ok(report)
}

/// A fresh database, with the extension, unless the page creates that.
fn prepare(cluster: &Cluster, client: &mut Client, blocks: &[Block]) -> Result<()> {
    client.batch_execute(&format!("CREATE DATABASE {DATABASE}"))?;
    if !blocks.iter().any(|block| block.is_run("sql") && block.text.contains("CREATE EXTENSION")) {
        cluster.connect(DATABASE)?.batch_execute("CREATE EXTENSION cache_pg")?;
    }
    Ok(())
}

/// Roles belong to the server: the next page may use the same names.
fn clean(client: &mut Client, roles_before: &BTreeSet<String>) -> Result<()> {
    client.batch_execute(&format!("DROP DATABASE {DATABASE} WITH (FORCE)"))?;
    for role in roles(client)?.difference(roles_before) {
        client.batch_execute(&format!("DROP ROLE {role}"))?;
    }
    Ok(())
}

fn roles(client: &mut Client) -> Result<BTreeSet<String>> {
    let rows = client.query("SELECT quote_ident(rolname) FROM pg_roles", &[])?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

fn in_order(runner: &Runner<'_>, page: &Page, blocks: &[Block], report: &mut Report) {
    let mut last = Outcome::NotToBeRun;
    for block in blocks {
        let outcome = if block.language == "text" { compared(block, &last) } else { runner.run(block) };
        report.add(page, block, &outcome);
        if block.language != "text" {
            // What a failed block should have printed is not missed a second time.
            last = outcome.unwrap_or_else(|_| Outcome::LeftOut("it failed".to_owned()));
        }
    }
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
    fn add(&mut self, page: &Page, block: &Block, outcome: &Result<Outcome>) {
        match outcome {
            Ok(Outcome::Ran(_)) => *self.passed.entry(block.language.clone()).or_default() += 1,
            Ok(Outcome::LeftOut(why)) => {
                self.left_out.insert(block.language.clone(), why.clone());
            }
            Ok(Outcome::NotToBeRun) => {}
            Err(error) => {
                println!("{}: {error:#}", block.name(&page.name));
                self.failed += 1;
            }
        }
    }
}
