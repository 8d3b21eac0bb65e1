//! A judge that can tell: it convicts the caches that are here to be caught, and each fault that the extension once
//! had. A run ends as soon as something is found.

mod common;

use anyhow::{Result, ensure};
use cache_pg_oracle::fault::Fault;
use cache_pg_oracle::mode::Mode;

fn convicted(mode: Mode, fault: Fault) -> Result<()> {
    // Seconds are enough, but on a busy machine.
    let summary = common::run(mode, fault, 120)?;
    assert!(!summary.violations.is_empty(), "it has found nothing:\n{summary}");
    Ok(())
}

#[test]
fn the_judge_catches_a_cache_that_deletes_and_upserts() -> Result<()> {
    convicted(Mode::Naive, Fault::None)
}

#[test]
fn the_judge_catches_a_cache_that_nobody_tells_of_changes() -> Result<()> {
    convicted(Mode::Unwatched, Fault::None)
}

#[test]
fn the_judge_catches_a_placeholder_that_hides_a_removed_tombstone() -> Result<()> {
    convicted(Mode::Extension, Fault::Placeholder)
}

/// Whether the fault has made the table itself unreachable. Its definition is frozen in place, and an index leads to a
/// row that a HOT update has written only by way of the row before it, which freezing cuts off.
fn has_lost_the_table(error: &anyhow::Error) -> bool {
    let text = format!("{error:#}");
    text.contains("could not open relation") || text.contains("ERROR: relation ") && text.contains(" does not exist")
}

#[test]
fn the_judge_catches_a_truncated_table_that_passes_for_whole() -> Result<()> {
    // Not every PostgreSQL comes with what seeds it.
    if !xtask::postgres::under_test()?.extension_dir().join("pg_surgery.control").is_file() {
        ensure!(std::env::var_os("CACHE_PG_ALL").is_none(), "there is no pg_surgery");
        println!("left out: there is no pg_surgery");
        return Ok(());
    }
    // Such a run says nothing of the judge. About one of four ends like that.
    for _ in 0..9 {
        match convicted(Mode::Altered, Fault::Definition) {
            Err(error) if has_lost_the_table(&error) => println!("tried again: {error:#}"),
            outcome => return outcome,
        }
    }
    convicted(Mode::Altered, Fault::Definition)
}

#[test]
fn the_judge_catches_a_detached_partition_that_loses_a_trigger() -> Result<()> {
    convicted(Mode::Partitioned, Fault::Detached)
}
