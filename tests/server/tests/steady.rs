//! A steady load: the table, its index and the share of expired rows stay within bounds, and nothing fails.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use cache_pg_server_tests::{create_extension, get, server, swift_server, together};
use postgres::Client;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use xtask::cluster::{Cluster, poll};

const WRITERS: usize = 4;

/// How much table and indexes may grow after the warm-up.
const GROWTH: f64 = 1.5;
/// The largest share of rows that may be due, in the median of all samples.
const DUE: f64 = 0.1;

struct Load {
    keys: u32,
    ttl: &'static str,
    /// How much time a writer takes for a round of nineteen calls; zero: no more than it must.
    pace: Duration,
    warm_up: Duration,
    length: Duration,
    sample_every: Duration,
}

struct Sample {
    after: Duration,
    bytes: i64,
    rows: i64,
    due_share: f64,
}

impl Sample {
    fn take(client: &mut Client, start: Instant) -> Result<Self> {
        let row = client.query_one(
            "SELECT pg_total_relation_size('cache_entries'), count(*),
                    count(*) FILTER (WHERE coalesce(stale_until, expires_at) <= clock_timestamp())
             FROM cache_entries",
            &[],
        )?;
        let (rows, due): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
        let due_share = due as f64 / rows.max(1) as f64;
        Ok(Self { after: start.elapsed(), bytes: row.try_get(0)?, rows, due_share })
    }
}

impl Load {
    /// Rounds of nine sets, nine gets and a delete of random keys. Returns how many calls they were.
    fn write(&self, client: &mut Client, number: usize, stop: &AtomicBool) -> Result<u64> {
        let value = "jsonb_build_object('name', 'Burger Palace', 'n', $1::text, 'rest', repeat('x', 80))";
        let set = client.prepare(&format!("SELECT cache_set($1, {value}, '{}'::text)", self.ttl))?;
        let get = client.prepare("SELECT cache_get($1)")?;
        let delete = client.prepare("SELECT cache_delete($1)")?;
        let mut random = StdRng::seed_from_u64(number as u64);
        let mut calls = 0;
        let mut next = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            next += self.pace;
            for step in 0..19 {
                let key = format!("tenant:{}", random.random_range(0..self.keys));
                let statement = if step == 18 { &delete } else { [&set, &get][step % 2] };
                client.execute(statement, &[&key])?;
                calls += 1;
            }
        }
        Ok(calls)
    }

    /// Loads the server and returns what was seen of the table, from the end of the warm-up on.
    fn run(&self, cluster: &Cluster) -> Result<Vec<Sample>> {
        let stop = AtomicBool::new(false);
        let calls = AtomicU64::new(0);
        let samples = together(WRITERS + 1, |number| {
            let mut client = cluster.connect("postgres")?;
            if number < WRITERS {
                let outcome = self.write(&mut client, number, &stop);
                calls.fetch_add(*outcome.as_ref().unwrap_or(&0), Ordering::Relaxed);
                stop.store(true, Ordering::Relaxed);
                return outcome.map(|_| Vec::new());
            }
            let samples = self.watch(&mut client, &stop);
            stop.store(true, Ordering::Relaxed);
            samples
        })?;
        println!("{} calls a second", calls.into_inner() / self.length.as_secs());
        Ok(samples.into_iter().flatten().collect())
    }

    fn watch(&self, client: &mut Client, stop: &AtomicBool) -> Result<Vec<Sample>> {
        let start = Instant::now();
        let mut samples = Vec::new();
        let mut next = self.warm_up;
        poll(self.length * 2, "the load to end", || {
            if start.elapsed() >= next {
                let sample = Sample::take(client, start)?;
                let Sample { after, bytes, rows, due_share } = &sample;
                println!("{:4} s: {:6} kB, {rows} rows, {:.1} % due", after.as_secs(), bytes / 1024, due_share * 100.0);
                samples.push(sample);
                next += self.sample_every;
            }
            Ok(start.elapsed() >= self.length || stop.load(Ordering::Relaxed))
        })?;
        Ok(samples)
    }
}

fn stays_within_bounds(cluster: &Cluster, load: &Load) -> Result<()> {
    let mut client = create_extension(cluster, "postgres")?;
    let samples = load.run(cluster)?;
    assert!(samples.len() >= 5, "{} samples", samples.len());
    let first = samples[0].bytes;
    let largest = samples.iter().map(|sample| sample.bytes).max().unwrap_or_default();
    assert!(largest as f64 <= first as f64 * GROWTH, "grew from {first} to {largest} bytes");
    let mut due: Vec<f64> = samples.iter().map(|sample| sample.due_share).collect();
    due.sort_by(f64::total_cmp);
    assert!(due[due.len() / 2] < DUE, "shares of rows that were due: {due:.3?}");
    let deadlocks: i64 = get(&mut client, "SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'")?;
    assert_eq!(deadlocks, 0);
    for trouble in ["ERROR:", "WARNING:", "FATAL:"] {
        assert!(!cluster.log().contains(trouble), "{}", cluster.log());
    }
    Ok(())
}

#[test]
fn size_and_expired_share_stay_bounded_under_a_steady_load() -> Result<()> {
    let cluster = swift_server()?.conf("autovacuum_naptime", "1s").conf("cache_pg.lease", "1s").start()?;
    let load = Load {
        keys: 20_000,
        ttl: "2 seconds",
        pace: Duration::from_millis(25),
        warm_up: Duration::from_secs(12),
        length: Duration::from_secs(32),
        sample_every: Duration::from_millis(1_500),
    };
    stays_within_bounds(&cluster, &load)
}

/// As above with default settings, for ten minutes: `cargo test --test steady -- --ignored --nocapture`.
#[test]
#[ignore = "takes ten minutes"]
fn size_and_expired_share_stay_bounded_for_ten_minutes_with_default_settings() -> Result<()> {
    let cluster = server()?.start()?;
    let load = Load {
        keys: 100_000,
        ttl: "5 seconds",
        pace: Duration::ZERO,
        warm_up: Duration::from_secs(120),
        length: Duration::from_secs(600),
        sample_every: Duration::from_secs(60),
    };
    stays_within_bounds(&cluster, &load)
}
