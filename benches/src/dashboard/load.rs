//! What is asked of the cache while it is looked at: three namespaces, calm and busy, and a day on which all menus
//! change.
//!
//! Must say nothing of how fast the cache is: its clients rest between two calls.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use postgres::Client;
use xtask::cluster::Cluster;

use crate::keys::{Distribution, Keys, named};
use crate::random::Random;
use crate::report::lines::Phase;

/// Clients that ask.
pub const CLIENTS: usize = 2;
/// The most entries, fewer than there are keys.
pub const MOST: u32 = 20_000;

/// What goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// Few ask,
    Calm,
    /// many do,
    Rush,
    /// and still do, when all menus have just changed.
    Changed,
}

const RUSH: (f64, f64) = (0.27, 0.75);
const CHANGE: f64 = 0.52;

impl Moment {
    /// What goes on when a share of the time is over.
    pub fn at(share: f64) -> Self {
        match share {
            share if share < RUSH.0 || share >= RUSH.1 => Self::Calm,
            share if share < CHANGE => Self::Rush,
            _ => Self::Changed,
        }
    }

    /// How long a client rests between two calls, in microseconds.
    pub fn pause(self) -> u64 {
        if self == Self::Calm { 900 } else { 100 }
    }
}

/// What there is to see of it.
pub fn phases() -> Vec<Phase> {
    vec![
        Phase { name: "many ask", during: (RUSH.0, CHANGE) },
        Phase { name: "all menus have changed", during: (CHANGE + 0.004, RUSH.1) },
    ]
}

/// What the clients need to find.
pub fn prepare(client: &mut Client) -> Result<()> {
    Ok(client.batch_execute(
        "CREATE EXTENSION cache_pg;
         SELECT cache_configure('menu', default_ttl => '45 seconds', jitter => 0.3),
                cache_configure('session', default_ttl => '30 seconds', jitter => 0.3),
                cache_configure('search', default_ttl => '12 seconds', jitter => 0.3)",
    )?)
}

/// Invalidates every menu, with one tag.
pub fn change(client: &mut Client) -> Result<()> {
    Ok(client.batch_execute("SELECT cache_invalidate_tags('menus')")?)
}

/// Asks until it is over: menus are read through, sessions and searches looked up and stored.
pub fn work(cluster: &Cluster, over: &AtomicBool, pause: &AtomicU64, number: usize) -> Result<()> {
    let mut client = cluster.connect("postgres")?;
    let read_through = client.prepare(
        "SELECT cache_get_or_set($1, 'SELECT jsonb_build_object(''dishes'', repeat(''x'', 150))', tags => '{menus}')",
    )?;
    let get = client.prepare("SELECT cache_get($1) IS NULL")?;
    let set = client.prepare("SELECT cache_set($1, jsonb_build_object('found', repeat('x', 60)))")?;
    let delete = client.prepare("SELECT cache_delete($1)")?;
    let menus = Keys::new(30_000, Distribution::Zipf);
    let sessions = Keys::new(2_000, Distribution::Uniform);
    let searches = Keys::new(40_000, Distribution::Zipf);
    let (mut dice, mut key) = (Random::new(number as u64), String::new());
    while !over.load(Ordering::Relaxed) {
        let (namespace, keys) = match dice.below(10) {
            0 => ("search", &searches),
            1..4 => ("session", &sessions),
            _ => ("menu", &menus),
        };
        named(namespace, keys.next(&mut dice), &mut key);
        if namespace == "menu" {
            client.execute(&read_through, &[&key])?;
        } else if client.query_one(&get, &[&key])?.get(0) {
            client.execute(&set, &[&key])?;
        } else if namespace == "session" && dice.below(20) == 0 {
            client.execute(&delete, &[&key])?;
        }
        thread::sleep(Duration::from_micros(pause.load(Ordering::Relaxed)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_calm_busy_and_calm_again() {
        assert_eq!([0.0, 0.3, 0.6, 0.9].map(Moment::at), [Moment::Calm, Moment::Rush, Moment::Changed, Moment::Calm]);
    }
}
