//! Runs, and what is asked of them.

use std::time::Duration;

use anyhow::{Context, Result};
use cache_pg_oracle::fault::Fault;
use cache_pg_oracle::mode::Mode;
use cache_pg_oracle::run::{Plan, Summary};
use cache_pg_oracle::tally::Count;

fn from_environment(name: &str) -> Result<Option<u64>> {
    let given = std::env::var(name).ok();
    given.map(|text| text.parse().with_context(|| format!("{name} is no number: {text}"))).transpose()
}

/// Runs a mode for as long as the environment says, or as usual.
pub fn run(mode: Mode, fault: Fault, usual_seconds: u64) -> Result<Summary> {
    let seconds = from_environment("CACHE_PG_ORACLE_SECONDS")?.unwrap_or(usual_seconds);
    let seed = from_environment("CACHE_PG_ORACLE_SEED")?.unwrap_or_else(rand::random);
    println!("{mode} cache: seed {seed}");
    let summary = Plan { mode, fault, time: Duration::from_secs(seconds), seed }.run()?;
    println!("{summary}");
    Ok(summary)
}

/// Fails where a run has not met what it is about, so that it cannot pass for want of trying.
#[allow(dead_code, reason = "each program uses some of these")]
pub fn met(summary: &Summary, at_least: &[(Count, u64)]) {
    for &(count, minimum) in at_least {
        assert!(summary.tally.get(count) >= minimum, "fewer than {minimum} {count:?}:\n{summary}");
    }
}

/// Fails where something was found.
#[allow(dead_code, reason = "each program uses some of these")]
pub fn none(found: &[String], summary: &Summary) {
    assert!(found.is_empty(), "{}\n{summary}", found[..found.len().min(5)].join("\n\n"));
}
