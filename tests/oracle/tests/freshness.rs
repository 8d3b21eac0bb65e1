//! P2, by force: nothing stale is ever served.
//!
//! `CACHE_PG_ORACLE_SECONDS=600` runs longer, `CACHE_PG_ORACLE_SEED` tries again what chance another run had.

mod common;

use anyhow::Result;
use cache_pg_oracle::fault::Fault;
use cache_pg_oracle::mode::Mode;
use cache_pg_oracle::tally::Count;
use common::{met, none, run};

const SOME: [(Count, u64); 7] = [
    (Count::Hits, 100),
    (Count::Accepted, 20),
    (Count::Refused, 5),
    (Count::Commits, 20),
    (Count::RolledBack, 5),
    (Count::Kept, 5),
    (Count::Crashes, 1),
];

fn acquitted(mode: Mode, usual_seconds: u64, at_least: &[(Count, u64)]) -> Result<()> {
    let summary = run(mode, Fault::None, usual_seconds)?;
    none(&summary.violations, &summary);
    none(&summary.blamed, &summary);
    met(&summary, at_least);
    Ok(())
}

#[test]
fn the_judge_acquits_what_reads_the_source_itself() -> Result<()> {
    // Its writers may fail for contention, as those of plain SQL do.
    let summary = run(Mode::None, Fault::None, 8)?;
    none(&summary.violations, &summary);
    met(&summary, &[(Count::Hits, 500), (Count::Commits, 20), (Count::Crashes, 1)]);
    Ok(())
}

#[test]
fn p2_the_extension_serves_nothing_stale() -> Result<()> {
    let at_least = [
        (Count::Hits, 600),
        (Count::StaleHits, 1),
        (Count::Accepted, 100),
        (Count::Refused, 20),
        (Count::Commits, 100),
        (Count::RolledBack, 20),
        (Count::Kept, 30),
        (Count::Swept, 1),
        (Count::Crashes, 2),
    ];
    acquitted(Mode::Extension, 40, &at_least)
}

#[test]
fn p2_the_extension_serves_nothing_stale_while_workers_refresh_ahead_and_warm() -> Result<()> {
    acquitted(Mode::Ahead, 20, &[&SOME[..], &[(Count::Refreshed, 3), (Count::Warmed, 3)]].concat())
}

#[test]
fn p2_the_extension_serves_nothing_stale_with_a_trigger_on_its_table() -> Result<()> {
    acquitted(Mode::WithTrigger, 13, &SOME)
}

#[test]
fn p2_the_extension_serves_nothing_stale_while_it_evicts() -> Result<()> {
    acquitted(Mode::Tiny, 13, &SOME)
}

#[test]
fn p2_the_extension_serves_nothing_stale_while_its_tables_are_altered() -> Result<()> {
    acquitted(Mode::Altered, 15, &[&SOME[..], &[(Count::Commands, 3)]].concat())
}

#[test]
fn p2_the_extension_serves_nothing_stale_of_a_watched_table() -> Result<()> {
    acquitted(Mode::Watched, 13, &SOME)
}

#[test]
fn p2_the_extension_serves_nothing_stale_of_partitions_that_come_and_go() -> Result<()> {
    let at_least = [(Count::Hits, 100), (Count::Commits, 20), (Count::Partitions, 1), (Count::Crashes, 1)];
    acquitted(Mode::Partitioned, 15, &at_least)
}
