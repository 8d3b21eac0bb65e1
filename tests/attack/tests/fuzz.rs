//! The fuzzer, for half a minute. `CACHE_PG_FUZZ_SECONDS=600` runs longer, `CACHE_PG_FUZZ_SEED` tries again what chance
//! another run had.

use std::str::FromStr;

use anyhow::{Result, ensure};
use cache_pg_attack_tests::fuzz::{self, CANNOT_CHECK};
use cache_pg_server_tests::left_out;

fn from_environment<T: FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_call_no_row_and_no_kill_breaks_the_server_or_the_cache() -> Result<()> {
    let seconds = from_environment("CACHE_PG_FUZZ_SECONDS").unwrap_or(30);
    let seed = from_environment("CACHE_PG_FUZZ_SEED").unwrap_or_else(rand::random);
    println!("CACHE_PG_FUZZ_SEED={seed}");
    let run = fuzz::fuzz(seconds, seed)?;
    println!("{} calls in {:?}, {} kills: {}", run.tally.calls(), run.took, run.kills, run.tally);
    if !fuzz::judge(&run)? {
        left_out(CANNOT_CHECK)?;
    }
    // Most of what is hostile is refused; where nothing succeeds, nothing is tried.
    ensure!(run.tally.of("00000") * 10 > run.tally.calls(), "hardly a call has succeeded");
    Ok(())
}
