//! Owns a cache under load: clients of pgbench that read through it, and two samples of its statistics.
//!
//! Must never last longer than the sweeper needs for a turn and the statistics for every latency.

use std::{fs, process::Stdio, thread, time::Duration};

use anyhow::{Context, Result, ensure};

use crate::cluster::Cluster;
use crate::top::{self, Sample};

/// How long the clients work.
pub const SECONDS: u64 = 15;
const DATABASE: &str = "load";

const PREPARE: &str = "
    CREATE EXTENSION cache_pg;
    CREATE TABLE dishes AS SELECT id, 'Dish ' || id AS name, id % 20 + 3 AS price FROM generate_series(1, 3000) AS id;
    ALTER TABLE dishes ADD PRIMARY KEY (id);
    ANALYZE dishes;
    SELECT cache_configure('menu', default_ttl => '10 minutes', jitter => 0.1);
    CREATE FUNCTION report(key text) RETURNS jsonb STABLE LANGUAGE sql AS 'SELECT to_jsonb(sum(price)) FROM dishes';
    SELECT cache_configure('report', default_ttl => '5 seconds', loader => 'report(text)',
                           refresh_ahead => '2 seconds');
    SELECT cache_watch('dishes', keys => ARRAY['menu:{id}'])";

/// What a client calls: in how many of a hundred turns, and for how many keys, of which the first are more frequent.
const CALLS: [(usize, usize, &str); 7] = [
    (
        45,
        3000,
        "SELECT cache_get_or_set('menu:' || :key, 'SELECT to_jsonb(d) FROM dishes AS d WHERE id = $1::int',
                                 args => ARRAY[:key::text])",
    ),
    (30, 600, "SELECT cache_get('session:' || :key)"),
    (11, 600, "SELECT cache_set('session:' || :key, '{\"user\": \"ann\", \"cart\": [1, 2, 3]}', '6 seconds')"),
    (4, 200, "SELECT cache_incr('limit:' || :key, 1, '20 seconds')"),
    (4, 200, "SELECT cache_get('limit:' || :key)"),
    (5, 50, "SELECT cache_get_or_set('report:' || :key)"),
    (1, 3000, "UPDATE dishes SET price = price + 1 WHERE id = :key"),
];

/// Two looks at a cache under load, a second apart.
///
/// # Errors
/// When a client fails, or the statistics cannot be read.
pub fn watch(cluster: &Cluster) -> Result<(Sample, Sample)> {
    cluster.psql("postgres", &["--quiet", "-c", &format!("CREATE DATABASE {DATABASE}")])?;
    let mut client = cluster.connect(DATABASE)?;
    client.batch_execute(PREPARE)?;
    let scripts = tempfile::tempdir()?;
    let mut pgbench = cluster.installation().command("pgbench");
    pgbench.args(["--no-vacuum", "--client=4", "--rate=3000", "--random-seed=1", &format!("--time={}", SECONDS + 1)]);
    for (number, (share, keys, statement)) in CALLS.iter().enumerate() {
        let script = scripts.path().join(number.to_string());
        fs::write(&script, format!("\\set key random_exponential(1, {keys}, 4)\n{statement};\n"))?;
        pgbench.arg(format!("--file={}@{share}", script.display()));
    }
    let mut clients = pgbench.arg(cluster.conninfo(DATABASE)).stdout(Stdio::null()).spawn().context("no pgbench")?;
    let last = Duration::from_secs(1);
    let mut look = |after| {
        thread::sleep(after);
        top::sample(&mut client)
    };
    let samples = look(Duration::from_secs(SECONDS) - last).and_then(|before| Ok((before, look(last)?)));
    ensure!(clients.wait()?.success(), "a client failed");
    samples
}
