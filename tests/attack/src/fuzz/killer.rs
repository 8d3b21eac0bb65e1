//! Cancels statements, ends sessions and prepared transactions, and now and then kills a backend as the kernel would.
//!
//! Must never touch a process that is not of the server, nor the postmaster.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use postgres::Client;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use xtask::cluster::{Cluster, poll};

use super::DATABASE;

/// Between two acts.
const PAUSE: Duration = Duration::from_millis(100);

/// Between two kills: each restarts the whole server.
const BETWEEN_KILLS: Duration = Duration::from_secs(9);

/// By then a crash has been noticed, if it was one.
const NOTICED: Duration = Duration::from_secs(5);

/// Goes on until it is `over`, and returns how many backends it has killed.
///
/// # Errors
/// When the server does not come back after a kill.
pub fn run(cluster: &Cluster, seed: u64, over: &AtomicBool) -> Result<usize> {
    let mut chance = StdRng::seed_from_u64(seed);
    let (mut kills, mut last_kill) = (0, Instant::now());
    let mut client = cluster.connect(DATABASE)?;
    while !over.load(Ordering::Relaxed) {
        thread::sleep(PAUSE);
        if client.is_closed() {
            client = come_back(cluster)?;
        }
        if chance.random_ratio(1, 10) {
            end_prepared(&mut client);
        }
        let Some(pid) = victim(&mut client) else { continue };
        if last_kill.elapsed() > BETWEEN_KILLS {
            last_kill = Instant::now();
            // It may have gone by itself.
            if cluster.crash_backend(pid).is_ok() {
                kills += 1;
                // Until the postmaster has noticed, connections are still let in, and end with the others. A victim
                // that was about to end is no crash.
                let _ = poll(NOTICED, "the crash to be noticed", || Ok(client.simple_query("SELECT 1").is_err()));
                client = come_back(cluster)?;
            }
        } else {
            let act = if chance.random_ratio(1, 6) { "pg_terminate_backend" } else { "pg_cancel_backend" };
            let _ = client.simple_query(&format!("SELECT {act}({pid})"));
        }
    }
    Ok(kills)
}

/// A session at work, or a sweeper.
fn victim(client: &mut Client) -> Option<i32> {
    let sql = format!(
        "SELECT pid FROM pg_stat_activity WHERE datname = '{DATABASE}' AND pid <> pg_backend_pid()
         AND (state = 'active' OR backend_type LIKE 'cache_pg%') ORDER BY random() LIMIT 1"
    );
    client.query_opt(&sql, &[]).ok().flatten().map(|row| row.get(0))
}

/// Ends what was prepared, perhaps with locks that keep everybody out.
fn end_prepared(client: &mut Client) {
    let _ = client.batch_execute("SET lock_timeout = '100ms'; SET statement_timeout = '1s'");
    for row in client.query("SELECT gid FROM pg_prepared_xacts", &[]).unwrap_or_default() {
        let _ = client.batch_execute(&format!("ROLLBACK PREPARED '{}'", row.get::<_, String>(0)));
    }
}

fn come_back(cluster: &Cluster) -> Result<Client> {
    let start = Instant::now();
    loop {
        match cluster.connect(DATABASE) {
            Ok(client) => return Ok(client),
            Err(error) if start.elapsed() > Duration::from_secs(60) => {
                return Err(error).context("the server does not come back");
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}
