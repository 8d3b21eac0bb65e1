//! Owns the suite `clients`: the packages for TypeScript and Python are built, installed and tested as users get them.
//!
//! Both run at the same time, because they mostly wait. Each has databases of its own on one server, whose settings of
//! cache_pg are as installed. Must never leave a package out without saying why.

mod counts;
mod packages;
mod part;
mod python;
mod sources;
mod table;
mod together;
mod typescript;

use std::thread;
use std::time::Instant;

use anyhow::{Error, Result};

pub use self::packages::packages;
use self::part::{Part, Unavailable};
use self::table::{Row, Table};
use super::summary::{Outcome, Verdict};
use crate::cluster::{Cluster, LIFETIME_IN_TESTS};
use crate::postgres::Installation;

/// A package, and how it is tested.
type Package = (&'static str, fn(&Part<'_>) -> Result<()>);
const PACKAGES: [Package; 2] = [("typescript", typescript::run), ("python", python::run)];

/// Tests both packages on a new server of `installation`, prints one table, and returns a result for each.
pub fn run(installation: &Installation) -> Vec<Outcome> {
    println!("\n== clients on PostgreSQL {}", installation.name());
    let cluster = Cluster::builder(installation).lifetime(LIFETIME_IN_TESTS).start();
    let tested = thread::scope(|scope| {
        let cluster = &cluster;
        let started = PACKAGES.map(|package| (package.0, scope.spawn(move || test(package, cluster, installation))));
        started.map(|(_, package)| package.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let (rows, outcomes): (Vec<_>, Vec<_>) = tested.into_iter().unzip();
    print!("\n{}", Table(rows.into_iter().flatten().collect()));
    outcomes
}

fn test((name, run): Package, cluster: &Result<Cluster>, installation: &Installation) -> (Vec<Row>, Outcome) {
    let start = Instant::now();
    let tested = || -> Result<(Vec<Row>, Result<()>)> {
        let cluster = cluster.as_ref().map_err(|error| Error::msg(format!("{error:#}")))?;
        let part = Part::new(name, cluster)?;
        let ended = run(&part);
        Ok(part.finish(ended))
    };
    let (rows, result) = tested().unwrap_or_else(|error| (Vec::new(), Err(error)));
    let verdict = result.map_or_else(|error| verdict(&error), |()| Verdict::Passed);
    (rows, Outcome { suite: name.to_owned(), postgres: Some(installation.name()), verdict, took: start.elapsed() })
}

/// A package whose tools are missing is left out, except where all must be there.
fn verdict(error: &Error) -> Verdict {
    let said = format!("{error:#}");
    let must_have_all = std::env::var_os("CACHE_PG_ALL").is_some();
    if error.is::<Unavailable>() && !must_have_all {
        return Verdict::LeftOut(said.replace('\n', " "));
    }
    eprintln!("{said}");
    Verdict::Failed(said.lines().next().unwrap_or_default().to_owned())
}
