//! A steady load: table, index and the rows that a turn leaves stay within bounds, and nothing fails.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use cache_pg_server_tests::{create_extension, get, server, swift_server, together};
use postgres::Client;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use xtask::cluster::{Cluster, poll};

const WRITERS: usize = 4;

/// How much table and indexes may grow after the warm-up, for as many rows.
const GROWTH: f64 = 1.5;
/// The largest share of rows that may be left though they were due when the last turn began, in any sample.
const OVERDUE: f64 = 0.05;
/// So often has autovacuum been there when the warm-up ends: until then pages and index have nothing to use again.
const VACUUMS: i64 = 2;
/// There are so many samples at least.
const SAMPLES: usize = 30;
/// How long all of it may take, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// A load that is measured in turns of the sweeper, not in seconds: what a busy machine makes slow it makes slow for
/// both.
struct Load {
    keys: u32,
    ttl: &'static str,
    /// How much time a writer takes for a round of nineteen calls; zero: no more than it must.
    pace: Duration,
    /// So many rounds a writer makes at most while the sweeper makes a turn.
    rounds_a_turn: u64,
    /// After so many turns, and [`VACUUMS`], there is a sample for each turn.
    warm_up: i64,
    /// It ends after so many turns.
    length: i64,
}

struct Sample {
    bytes: i64,
    /// The most rows that any sample has had so far.
    peak: i64,
    overdue_share: f64,
}

/// What is known of the sweeper: the turns that it has made, and when the last one began.
fn turns(client: &mut Client) -> Result<(i64, Option<SystemTime>)> {
    let began = "last_turn_at - last_turn_ms * interval '1 millisecond'";
    let row = client.query_one(&format!("SELECT turns, {began} FROM cache_sweeps"), &[])?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

fn vacuums(client: &mut Client) -> Result<i64> {
    get(client, "SELECT autovacuum_count FROM pg_stat_user_tables WHERE relname = 'cache_entries'")
}

impl Sample {
    fn take(client: &mut Client, before: Option<&Self>) -> Result<Self> {
        // First the turn, then what it has left.
        let (turn, began) = turns(client)?;
        let row = client.query_one(
            "SELECT pg_total_relation_size('cache_entries'), count(*),
                    count(*) FILTER (WHERE coalesce(stale_until, expires_at) <= $1)
             FROM cache_entries",
            &[&began],
        )?;
        let (bytes, rows, overdue): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let overdue_share = overdue as f64 / rows.max(1) as f64;
        println!("turn {turn}: {} kB, {rows} rows, {:.1} % overdue", bytes / 1024, overdue_share * 100.0);
        Ok(Self { bytes, peak: before.map_or(rows, |before| before.peak.max(rows)), overdue_share })
    }
}

impl Load {
    /// Rounds of nine sets, nine gets and a delete of random keys.
    fn write(&self, client: &mut Client, number: usize, allowed: &AtomicU64, stop: &AtomicBool) -> Result<()> {
        let value = "jsonb_build_object('name', 'Burger Palace', 'n', $1::text, 'rest', repeat('x', 80))";
        let set = client.prepare(&format!("SELECT cache_set($1, {value}, '{}'::text)", self.ttl))?;
        let get = client.prepare("SELECT cache_get($1)")?;
        let delete = client.prepare("SELECT cache_delete($1)")?;
        let mut random = StdRng::seed_from_u64(number as u64);
        let mut rounds = 0;
        while !stop.load(Ordering::Relaxed) {
            thread::sleep(self.pace);
            if rounds >= allowed.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(5));
                continue;
            }
            rounds += 1;
            for step in 0..19 {
                let key = format!("tenant:{}", random.random_range(0..self.keys));
                let statement = if step == 18 { &delete } else { [&set, &get][step % 2] };
                client.execute(statement, &[&key])?;
            }
        }
        println!("{} calls of writer {number}", rounds * 19);
        Ok(())
    }

    /// Loads the server and returns what was seen of the table, from the end of the warm-up on.
    fn run(&self, cluster: &Cluster) -> Result<Vec<Sample>> {
        let stop = AtomicBool::new(false);
        let allowed = AtomicU64::new(self.rounds_a_turn);
        let samples = together(WRITERS + 1, |number| {
            let mut client = cluster.connect("postgres")?;
            let outcome = if number < WRITERS {
                self.write(&mut client, number, &allowed, &stop).map(|()| Vec::new())
            } else {
                self.watch(&mut client, &allowed, &stop)
            };
            stop.store(true, Ordering::Relaxed);
            outcome
        })?;
        Ok(samples.into_iter().flatten().collect())
    }

    fn watch(&self, client: &mut Client, allowed: &AtomicU64, stop: &AtomicBool) -> Result<Vec<Sample>> {
        let mut samples: Vec<Sample> = Vec::new();
        let mut before = 0;
        poll(PATIENCE, "the load to end", || {
            let (turn, _) = turns(client)?;
            if turn > before {
                // The turn that is under way may have begun before it was seen: hence one more.
                allowed.store((turn as u64 + 2).saturating_mul(self.rounds_a_turn), Ordering::Relaxed);
                if !samples.is_empty() || (turn >= self.warm_up && vacuums(client)? >= VACUUMS) {
                    samples.push(Sample::take(client, samples.last())?);
                }
                before = turn;
            }
            Ok((turn >= self.length && samples.len() >= SAMPLES) || stop.load(Ordering::Relaxed))
        })?;
        Ok(samples)
    }
}

fn stays_within_bounds(cluster: &Cluster, load: &Load) -> Result<()> {
    let mut client = create_extension(cluster, "postgres")?;
    let samples = load.run(cluster)?;
    assert!(samples.len() >= SAMPLES, "{} samples", samples.len());
    let first = &samples[0];
    for sample in &samples {
        let more_rows = sample.peak as f64 / first.peak.max(1) as f64;
        let most = first.bytes as f64 * GROWTH * more_rows;
        assert!(
            sample.bytes as f64 <= most,
            "grew from {} to {} bytes for {more_rows:.2} times the rows",
            first.bytes,
            sample.bytes
        );
        assert!(sample.overdue_share < OVERDUE, "{:.1} % were left by a turn", sample.overdue_share * 100.0);
    }
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
        rounds_a_turn: 40,
        warm_up: 20,
        length: 80,
    };
    stays_within_bounds(&cluster, &load)
}

/// As above with default settings, for ten minutes: `cargo t --test steady -- --ignored --nocapture`.
#[test]
#[ignore = "takes ten minutes"]
fn size_and_expired_share_stay_bounded_for_ten_minutes_with_default_settings() -> Result<()> {
    let cluster = server()?.start()?;
    let load =
        Load { keys: 100_000, ttl: "5 seconds", pace: Duration::ZERO, rounds_a_turn: u64::MAX, warm_up: 2, length: 10 };
    stays_within_bounds(&cluster, &load)
}
