//! The dashboard as a picture, from real data: a server under a load that changes, looked at through its views every
//! second.
//!
//! Must show nothing that the views do not say.

mod load;
mod picture;

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use xtask::cluster::Cluster;
use xtask::top::{self, Sample};
use xtask::{package, paths, postgres};

use load::{CLIENTS, MOST, Moment};

/// How long it is looked at, once the cache is warm.
const LENGTH: Duration = Duration::from_secs(120);
const WARM_UP: Duration = Duration::from_secs(25);
const EVERY: Duration = Duration::from_secs(1);

/// Draws `docs/dashboard.svg`.
///
/// # Errors
/// When the server cannot be had, or a client fails.
pub fn run() -> Result<()> {
    let installation = postgres::preferred()?;
    package::install(&package::build(&installation)?, &installation)?;
    let cluster = Cluster::builder(&installation)
        .conf("cache_pg.sweep_interval", "1s")
        .conf("cache_pg.max_entries", &MOST.to_string())
        .conf("shared_buffers", "128MB")
        .start()?;
    load::prepare(&mut cluster.connect("postgres")?)?;
    println!("{} seconds of a cache under load", (WARM_UP + LENGTH).as_secs());
    let (over, pause) = (AtomicBool::new(false), AtomicU64::new(Moment::Calm.pause()));
    let samples = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (cluster, over, pause) = (&cluster, &over, &pause);
                scope.spawn(move || load::work(cluster, over, pause, number))
            })
            .collect();
        let samples = watch(&cluster, &pause);
        over.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().map_err(|_| anyhow!("a client panicked"))??;
        }
        samples
    })?;
    let path = paths::project().join("docs/dashboard.svg");
    fs::write(&path, picture::of(&samples, LENGTH).draw())?;
    println!("{}", path.display());
    Ok(())
}

/// Looks every second, and makes the load change as time goes by.
fn watch(cluster: &Cluster, pause: &AtomicU64) -> Result<Vec<Sample>> {
    let mut client = cluster.connect("postgres")?;
    // What was cold is not what is to be seen.
    thread::sleep(WARM_UP);
    client.batch_execute("SELECT cache_stats_reset()")?;
    let started = Instant::now();
    let mut samples = vec![top::sample(&mut client)?];
    let mut has_changed = false;
    for second in 1..=LENGTH.as_secs() as u32 {
        thread::sleep((started + EVERY * second).saturating_duration_since(Instant::now()));
        samples.push(top::sample(&mut client)?);
        let moment = Moment::at(started.elapsed().as_secs_f64() / LENGTH.as_secs_f64());
        pause.store(moment.pause(), Ordering::Relaxed);
        if moment == Moment::Changed && !has_changed {
            load::change(&mut client)?;
            has_changed = true;
        }
    }
    Ok(samples)
}
