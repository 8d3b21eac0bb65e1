//! Owns a cache under load: clients that read through it, and two samples of its statistics.
//!
//! Must never last longer than the sweeper needs for a turn and the statistics for every latency.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::cluster::Cluster;
use crate::top::{self, Sample};

/// How long the clients work.
pub const SECONDS: u64 = 15;
const DATABASE: &str = "load";
const CLIENTS: u64 = 4;
/// How long a client rests between two calls.
const REST: Duration = Duration::from_millis(1);

const PREPARE: &str = "
    CREATE EXTENSION cache_pg;
    CREATE TABLE dishes AS SELECT id, 'Dish ' || id AS name, id % 20 + 3 AS price FROM generate_series(1, 3000) AS id;
    ALTER TABLE dishes ADD PRIMARY KEY (id);
    ANALYZE dishes;
    SELECT cache_configure('menu', default_ttl => '10 minutes', jitter => 0.1);
    SELECT cache_watch('dishes', keys => ARRAY['menu:{id}'])";

/// What a client calls, and in how many of a hundred turns. `$1` is a number up to `keys`, small ones more often.
struct Call {
    share: u64,
    keys: u64,
    statement: &'static str,
}

const CALLS: [Call; 7] = [
    Call {
        share: 45,
        keys: 3000,
        statement:
            "SELECT cache_get_or_set('menu:' || $1::int, 'SELECT to_jsonb(d) FROM dishes AS d WHERE id = $1::int',
                    args => ARRAY[$1::int::text])",
    },
    Call { share: 30, keys: 600, statement: "SELECT cache_get('session:' || $1::int)" },
    Call {
        share: 11,
        keys: 600,
        statement: "SELECT cache_set('session:' || $1::int, '{\"user\": \"ann\", \"cart\": [1, 2, 3]}', '6 seconds')",
    },
    Call { share: 4, keys: 200, statement: "SELECT cache_incr('limit:' || $1::int, 1, '20 seconds')" },
    Call { share: 4, keys: 200, statement: "SELECT cache_get('limit:' || $1::int)" },
    Call {
        share: 5,
        keys: 50,
        statement: "SELECT cache_get_or_set('report:' || $1::int, 'SELECT to_jsonb(sum(price)) FROM dishes', '5 seconds')",
    },
    Call { share: 1, keys: 3000, statement: "UPDATE dishes SET price = price + 1 WHERE id = $1::int" },
];

/// Two looks at a cache under load, a second apart.
///
/// # Errors
/// When a client fails, or the statistics cannot be read.
pub fn watch(cluster: &Cluster) -> Result<(Sample, Sample)> {
    cluster.psql("postgres", &["--quiet", "-c", &format!("CREATE DATABASE {DATABASE}")])?;
    let mut client = cluster.connect(DATABASE)?;
    client.batch_execute(PREPARE)?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                scope.spawn({
                    let over = &over;
                    move || work(cluster, number, over)
                })
            })
            .collect();
        let mut look = |after| {
            thread::sleep(after);
            top::sample(&mut client)
        };
        let last = Duration::from_secs(1);
        let samples = look(Duration::from_secs(SECONDS) - last).and_then(|before| Ok((before, look(last)?)));
        over.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().map_err(|_| anyhow!("a client panicked"))??;
        }
        samples
    })
}

/// One client, until it is `over`.
fn work(cluster: &Cluster, number: u64, over: &AtomicBool) -> Result<()> {
    let mut client = cluster.connect(DATABASE)?;
    let statements = CALLS.iter().map(|call| client.prepare(call.statement)).collect::<Result<Vec<_>, _>>()?;
    let mut random = number + 1;
    let end = Instant::now() + 4 * Duration::from_secs(SECONDS);
    while !over.load(Ordering::Relaxed) && Instant::now() < end {
        let mut turn = next(&mut random) % 100;
        for (call, statement) in CALLS.iter().zip(&statements) {
            if turn < call.share {
                let share = (next(&mut random) % 1000) as f64 / 1000.0;
                let key = (share.powi(3) * call.keys as f64) as i32;
                client.execute(statement, &[&key])?;
                break;
            }
            turn -= call.share;
        }
        thread::sleep(REST);
    }
    Ok(())
}

/// The next of the same numbers each time (Knuth's MMIX).
fn next(random: &mut u64) -> u64 {
    *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *random >> 33
}
