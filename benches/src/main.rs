//! Owns the command line of the benchmark: `make bench`.
//!
//! Must never hold logic: it reads arguments and calls the library.

use std::{path::PathBuf, process::ExitCode, time::Instant};

use anyhow::Result;
use cache_pg_bench::plan::Plan;
use cache_pg_bench::{report, results};
use clap::Parser;
use xtask::{cluster, package, paths, postgres};

/// Compares cache_pg with its alternatives.
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench")]
struct Arguments {
    /// Take less than five minutes
    #[arg(long)]
    quick: bool,
    /// Take seconds and measure nothing useful, to check that everything works
    #[arg(long, conflicts_with = "quick")]
    smoke: bool,
    /// Where to write the report [default: target/bench]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Write the report into docs/ and the README as well; times only from the full form on a quiet machine
    #[arg(long, conflicts_with = "smoke")]
    docs: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let plan = match arguments {
        Arguments { smoke: true, .. } => Plan::smoke(),
        Arguments { quick: true, .. } => Plan::quick(),
        _ => Plan::full(),
    };
    cluster::remove_leftovers()?;
    let installation = postgres::preferred()?;
    package::install(&package::build(&installation)?, &installation)?;
    let start = Instant::now();
    let results = results::run(&installation, plan, &|what| {
        let seconds = start.elapsed().as_secs();
        println!("{:>3}:{:02}  {what}", seconds / 60, seconds % 60);
    })?;
    let out = arguments.out.clone().unwrap_or_else(|| paths::project().join("target/bench"));
    report::to(&out, &results)?;
    println!("\n{}\n{}", report::document(&results), report::summary(&results));
    println!("written to {}", out.display());
    if arguments.docs {
        report::into_docs(paths::project(), &results)?;
        println!("docs/ and the README are updated");
    }
    Ok(())
}
