//! Owns the command line of the developer's tool: `cargo xtask help`.
//!
//! Must never hold logic: it reads arguments and calls the library.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::suites::{self, Suite};
use xtask::{coverage, demo, house, package, paths, pictures, postgres, release, top};

/// The developer's tool of cache_pg.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Provide PostgreSQL, build the extension, run every test, and count the results
    Test {
        /// PostgreSQL majors, such as 15,18 [default: all that are available here]
        #[arg(long, value_delimiter = ',')]
        pg: Vec<u16>,
        /// Suites [default: all]
        #[arg(long, value_delimiter = ',')]
        only: Vec<Suite>,
        /// Also build a PostgreSQL 18 with assertions, and run the suites with concurrent sessions on it
        #[arg(long)]
        assertions: bool,
    },
    /// Run tests with an instrumented library, and print the lines of the extension that they do not reach
    Coverage {
        /// Suites [default: all that test the extension]
        #[arg(long, value_delimiter = ',')]
        only: Vec<Suite>,
    },
    /// Print the size of each part, its circles of files, and its imports against the order of the layers
    House {
        /// The root of a work tree [default: this one]
        root: Option<PathBuf>,
    },
    /// Run suites with the installed library
    #[command(hide = true)]
    Installed {
        #[arg(long, value_delimiter = ',')]
        only: Vec<Suite>,
    },
    /// Accept the last output of the golden tests as the expected output
    Bless {
        /// The PostgreSQL major whose output is accepted [default: 18]
        #[arg(long)]
        pg: Option<u16>,
    },
    /// Build the extension and install it into the private PostgreSQL copies for tests
    Build {
        /// PostgreSQL majors, such as 15,18 [default: all that are available here]
        #[arg(long, value_delimiter = ',')]
        pg: Vec<u16>,
    },
    /// Provide PostgreSQL, and print where: the major and its pg_config
    Postgres {
        /// PostgreSQL majors, such as 15,18 [default: all that are available here]
        #[arg(long, value_delimiter = ',')]
        pg: Vec<u16>,
    },
    /// Write the install script of the present version to sql/releases: the last step before its tag
    Freeze,
    /// Build the extension and install it into your PostgreSQL
    Install {
        /// The pg_config of that PostgreSQL
        #[arg(long, default_value = "pg_config")]
        pg_config: PathBuf,
        /// Install below this directory instead (for packages)
        #[arg(long)]
        destdir: Option<PathBuf>,
    },
    /// Build a package of Debian for each major into target/package
    Package {
        /// PostgreSQL majors, such as 15,18 [default: all that are available here]
        #[arg(long, value_delimiter = ',')]
        pg: Vec<u16>,
    },
    /// Check that a release is ready, run every test, and make all its files in target/release-VERSION
    Release {
        /// The version that is expected [default: that of Cargo.toml]
        #[arg(long)]
        version: Option<String>,
        /// PostgreSQL majors, such as 15,18 [default: all that are supported]
        #[arg(long, value_delimiter = ',')]
        pg: Vec<u16>,
        /// Leave out the tests
        #[arg(long)]
        no_test: bool,
    },
    /// Compare the extension with its alternatives: `cargo xtask bench -- --help`
    Bench {
        /// Arguments for the benchmark
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Start a server with the extension and show what it does
    Demo {
        /// Stop the server of an earlier demo and remove it
        #[arg(long)]
        stop: bool,
    },
    /// Draw the pictures of the documentation: docs/demo.svg and docs/top.svg
    Pictures,
    /// Show what a cache does, every second
    Top {
        /// A database, such as postgresql://user@host/name [default: that of the demo]
        url: Option<String>,
        /// Show it once
        #[arg(long)]
        once: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Test { pg, only, assertions } => suites::run_and_report(&pg, &only, assertions),
        Task::Coverage { only } => coverage::run(&only),
        Task::House { root } => house::print(root.as_deref()),
        Task::Installed { only } => {
            print!("\n{}", suites::run_installed(&only)?);
            Ok(())
        }
        Task::Bless { pg } => bless(pg),
        Task::Build { pg } => build(&pg),
        Task::Postgres { pg } => provide(&pg),
        Task::Freeze => freeze(),
        Task::Install { pg_config, destdir } => package::install_into_server(&pg_config, destdir.as_deref()),
        Task::Package { pg } => package::packages(&pg, &paths::project().join("target/package")).map(drop),
        Task::Release { version, pg, no_test } => release::run(&release::Options { version, majors: pg, no_test }),
        Task::Bench { arguments } => suites::bench(&arguments),
        Task::Top { url, once } => top::run(url.as_deref(), once),
        Task::Pictures => pictures::run(),
        Task::Demo { stop: true } => demo::stop(),
        Task::Demo { stop: false } => demo::run(),
    }
}

fn bless(major: Option<u16>) -> Result<()> {
    let installations = match major {
        Some(major) => postgres::available(&[major])?.installations,
        None => vec![postgres::preferred()?],
    };
    for installation in &installations {
        let changed = suites::bless::results(installation)?;
        println!("{changed} files of expected output changed");
    }
    Ok(())
}

fn freeze() -> Result<()> {
    let package = package::build(&postgres::preferred()?)?;
    println!("the install script of version {} is {}", package.version, package::released::freeze(&package)?.display());
    package::released::check(&package)
}

fn build(majors: &[u16]) -> Result<()> {
    let available = postgres::available(majors)?;
    for installation in &available.installations {
        package::install(&package::build(installation)?, installation)?;
        println!("installed into {}", installation.pkglibdir.display());
    }
    tell_left_out(&available);
    Ok(())
}

fn provide(majors: &[u16]) -> Result<()> {
    let available = postgres::available(majors)?;
    for installation in &available.installations {
        println!("{} {}", installation.name(), installation.pg_config.display());
    }
    tell_left_out(&available);
    Ok(())
}

fn tell_left_out(available: &postgres::Available) {
    for left_out in &available.left_out {
        println!("left out PostgreSQL {}: {}", left_out.major, left_out.why);
    }
}
