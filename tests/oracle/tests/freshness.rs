//! P2, by force: nothing stale is ever served, and a judge that can tell.
//!
//! `CACHE_PG_ORACLE_SECONDS=600` runs longer, `CACHE_PG_ORACLE_SEED` tries again what chance another run had.

use std::time::Duration;

use anyhow::{Context, Result};
use cache_pg_oracle::mode::Mode;
use cache_pg_oracle::run::{Plan, Summary};
use cache_pg_oracle::tally::Count;

fn from_environment(name: &str) -> Result<Option<u64>> {
    let given = std::env::var(name).ok();
    given.map(|text| text.parse().with_context(|| format!("{name} is no number: {text}"))).transpose()
}

fn run(mode: Mode, usual_seconds: u64) -> Result<Summary> {
    let seconds = from_environment("CACHE_PG_ORACLE_SECONDS")?.unwrap_or(usual_seconds);
    let seed = from_environment("CACHE_PG_ORACLE_SEED")?.unwrap_or_else(rand::random);
    println!("{mode} cache: seed {seed}");
    let summary = Plan { mode, time: Duration::from_secs(seconds), seed }.run()?;
    println!("{summary}");
    Ok(summary)
}

/// Fails where a run has not met what it is about, so that it cannot pass for want of trying.
fn met(summary: &Summary, at_least: &[(Count, u64)]) {
    for &(count, minimum) in at_least {
        assert!(summary.tally.get(count) >= minimum, "fewer than {minimum} {count:?}:\n{summary}");
    }
}

fn none(found: &[String], summary: &Summary) {
    assert!(found.is_empty(), "{}\n{summary}", found[..found.len().min(5)].join("\n\n"));
}

#[test]
fn the_judge_catches_a_cache_that_deletes_and_upserts() -> Result<()> {
    let summary = run(Mode::Naive, 12)?;
    assert!(!summary.violations.is_empty(), "it has found nothing:\n{summary}");
    Ok(())
}

#[test]
fn the_judge_catches_a_cache_that_nobody_tells_of_changes() -> Result<()> {
    let summary = run(Mode::Unwatched, 5)?;
    assert!(!summary.violations.is_empty(), "it has found nothing:\n{summary}");
    Ok(())
}

#[test]
fn the_judge_acquits_what_reads_the_source_itself() -> Result<()> {
    let summary = run(Mode::None, 8)?;
    none(&summary.violations, &summary);
    met(&summary, &[(Count::Hits, 500), (Count::Commits, 30), (Count::Crashes, 1)]);
    Ok(())
}

#[test]
fn p2_the_extension_serves_nothing_stale() -> Result<()> {
    let summary = run(Mode::Extension, 60)?;
    none(&summary.violations, &summary);
    none(&summary.blamed, &summary);
    met(
        &summary,
        &[
            (Count::Hits, 1_000),
            (Count::StaleHits, 1),
            (Count::Accepted, 200),
            (Count::Refused, 20),
            (Count::Commits, 200),
            (Count::RolledBack, 20),
            (Count::Swept, 1),
            (Count::Crashes, 3),
        ],
    );
    Ok(())
}

#[test]
fn p2_the_extension_serves_nothing_stale_with_a_trigger_on_its_table() -> Result<()> {
    let summary = run(Mode::WithTrigger, 20)?;
    none(&summary.violations, &summary);
    none(&summary.blamed, &summary);
    met(&summary, &[(Count::Hits, 300), (Count::Accepted, 50), (Count::Refused, 5), (Count::Crashes, 1)]);
    Ok(())
}

#[test]
fn p2_the_extension_serves_nothing_stale_while_it_evicts() -> Result<()> {
    let summary = run(Mode::Tiny, 20)?;
    none(&summary.violations, &summary);
    none(&summary.blamed, &summary);
    met(&summary, &[(Count::Hits, 100), (Count::Accepted, 50), (Count::Refused, 5), (Count::Crashes, 1)]);
    Ok(())
}

#[test]
fn p2_the_extension_serves_nothing_stale_of_a_watched_table() -> Result<()> {
    let summary = run(Mode::Watched, 20)?;
    none(&summary.violations, &summary);
    none(&summary.blamed, &summary);
    met(
        &summary,
        &[
            (Count::Hits, 300),
            (Count::Accepted, 50),
            (Count::Refused, 5),
            (Count::Commits, 50),
            (Count::RolledBack, 5),
            (Count::Crashes, 1),
        ],
    );
    Ok(())
}
