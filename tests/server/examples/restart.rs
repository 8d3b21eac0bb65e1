//! A restart under load: the hit ratio before and after it, with and without the saved memory of reads.
//!
//! Owns this measurement. Prints a table. It counts requests, not seconds, so that the speed of the machine does not
//! matter. Must never compare runs of different requests: each makes the same ones, on a server of its own.
//!
//! ```sh
//! cargo run --ignore-rust-version -p cache_pg_server_tests --example restart
//! ```

use std::collections::HashSet;
use std::fs;
use std::io::{Write, stdout};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use cache_pg_server_tests::{create_extension, get, server, together};
use cache_pg_simulator::trace::scan_into_zipf;
use xtask::cluster::{Cluster, StopMode};

const ENTRIES: usize = 10_000;
const KEYS: usize = 100_000;
const CLIENTS: usize = 2;
/// The requests before the first that is counted, those that are counted before the restart, and after it.
const WARM_UP: usize = 80_000;
const COUNTED: usize = 40_000;
/// After how many requests the hits are also looked at.
const EARLIER: [usize; 2] = [2_500, 10_000];
const SET: &str = "SELECT cache_set($1, to_jsonb(repeat('x', 100)), '1 day')";
const EVICTED: &str = "SELECT evicted FROM cache_stats WHERE scope = 'total'";

/// The outcome of a request.
#[derive(Clone, Copy)]
struct Outcome {
    number: usize,
    is_hit: bool,
}

/// Makes the requests of these numbers: reads each key, and sets it if it is missing.
fn request(cluster: &Cluster, keys: &[u64], numbers: Range<usize>) -> Result<Vec<Outcome>> {
    let next = AtomicUsize::new(numbers.start);
    let outcomes = together(CLIENTS, |_| {
        let mut client = cluster.connect("postgres")?;
        let (read, set) = (client.prepare("SELECT cache_get($1) IS NOT NULL")?, client.prepare(SET)?);
        let mut outcomes = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= numbers.end {
                return Ok(outcomes);
            }
            let key = format!("k:{}", keys[number]);
            let is_hit: bool = client.query_one(&read, &[&key])?.get(0);
            if !is_hit {
                client.execute(&set, &[&key])?;
            }
            outcomes.push(Outcome { number, is_hit });
        }
    })?;
    Ok(outcomes.concat())
}

/// The share of hits among the requests before number `end`, in percent: of all, and of those for keys that were
/// requested before, which only an eviction makes misses.
fn ratios(outcomes: &[Outcome], is_known: &[bool], end: usize) -> String {
    let ratio = |counts: &dyn Fn(&Outcome) -> bool| {
        let counted = outcomes.iter().filter(|outcome| outcome.number < end && counts(outcome));
        let (hits, all) = counted.fold((0, 0), |(hits, all), it| (hits + u32::from(it.is_hit), all + 1));
        100.0 * f64::from(hits) / f64::from(all.max(1))
    };
    format!("{:.2} / {:.2}", ratio(&|_| true), ratio(&|outcome| is_known[outcome.number]))
}

fn measure(name: &str, keys: &[u64], restart: impl Fn(&Cluster) -> Result<()>) -> Result<()> {
    let cluster = server()?
        .conf("cache_pg.max_entries", &ENTRIES.to_string())
        .conf("cache_pg.recency_save_interval", "10s")
        .start()?;
    create_extension(&cluster, "postgres")?;
    let mut seen = HashSet::new();
    let is_known: Vec<_> = keys.iter().map(|key| !seen.insert(key)).collect();
    let stop = WARM_UP + COUNTED;
    request(&cluster, keys, 0..WARM_UP)?;
    let before = request(&cluster, keys, WARM_UP..stop)?;
    restart(&cluster)?;
    let evicted: i64 = get(&mut cluster.connect("postgres")?, EVICTED)?;
    let after = request(&cluster, keys, stop..stop + COUNTED)?;
    let evicted = get::<i64>(&mut cluster.connect("postgres")?, EVICTED)? - evicted;
    let mut cells = vec![ratios(&before, &is_known, stop)];
    cells.extend(EARLIER.into_iter().chain([COUNTED]).map(|count| ratios(&after, &is_known, stop + count)));
    Ok(writeln!(stdout(), "| {name} | {} | {evicted} |", cells.join(" | "))?)
}

fn main() -> Result<()> {
    let keys = scan_into_zipf(1, 0.9, KEYS, WARM_UP + 2 * COUNTED, 3, 1);
    let [first, second] = EARLIER;
    writeln!(stdout(), "Hits in percent: of all requests / of requests for keys that were requested before.\n")?;
    writeln!(stdout(), "| restart | {COUNTED} before | {first} after | {second} after | {COUNTED} after | evicted |")?;
    writeln!(stdout(), "|---|---:|---:|---:|---:|---:|")?;
    let file = |cluster: &Cluster| cluster.data_dir().join("pg_stat/cache_pg.recency");
    measure("none", &keys, |_| Ok(()))?;
    measure("clean", &keys, Cluster::restart)?;
    measure("clean, file deleted", &keys, |cluster| {
        cluster.stop(StopMode::Fast)?;
        fs::remove_file(file(cluster))?;
        cluster.start()
    })?;
    measure("crash", &keys, |cluster| {
        cluster.kill9()?;
        cluster.start()
    })?;
    measure("crash, file deleted", &keys, |cluster| {
        cluster.kill9()?;
        fs::remove_file(file(cluster))?;
        cluster.start()
    })
}
