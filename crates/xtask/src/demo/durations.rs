//! Owns how long the main functions take on the machine that runs the demo, seen from a client.
//!
//! Must never claim more than that: one client, one connection, a nearly empty cache.

use std::time::{Duration, Instant};

use anyhow::Result;
use postgres::Client;

use super::screen::Screen;

/// How many calls of each function are timed.
const CALLS: usize = 1000;

/// The functions, each with the call that is timed; `$1` is the number of the call.
const FUNCTIONS: &[(&str, &str)] = &[
    ("cache_set", r#"SELECT cache_set('time:' || $1::int, '{"name": "Burger Palace"}', '5 minutes')"#),
    ("cache_get", "SELECT cache_get('time:' || $1::int)"),
    ("cache_delete", "SELECT cache_delete('time:' || $1::int)"),
];

/// Times each function and prints a table.
///
/// # Errors
/// When a call fails.
pub fn show(screen: &Screen) -> Result<()> {
    let mut client = screen.client()?;
    screen.say(&format!("One client calls each function {CALLS} times. The times are in milliseconds.\n"));
    screen.print("                              median   slowest\n");
    for (name, call) in FUNCTIONS {
        let statement = client.prepare(call)?;
        let times = (0..CALLS as i32)
            .map(|number| timed(|| client.query_one(&statement, &[&number])))
            .collect::<Result<Vec<_>>>()?;
        row(screen, name, times);
    }
    let times = (0..20).map(|_| sweep(&mut client)).collect::<Result<Vec<_>>>()?;
    row(screen, "cache_sweep of 100 entries", times);
    Ok(())
}

/// How long it takes to remove 100 due entries, which no other transaction sees.
fn sweep(client: &mut Client) -> Result<Duration> {
    let mut transaction = client.transaction()?;
    transaction.batch_execute(
        "INSERT INTO cache_entries (key, value, expires_at)
         SELECT 'due:' || i, '{\"name\": \"Burger Palace\"}', now() FROM generate_series(1, 100) AS i",
    )?;
    let took = timed(|| transaction.query_one("SELECT cache_sweep(100)", &[]))?;
    transaction.rollback()?;
    Ok(took)
}

fn timed<R>(call: impl FnOnce() -> Result<R, postgres::Error>) -> Result<Duration> {
    let start = Instant::now();
    call()?;
    Ok(start.elapsed())
}

fn row(screen: &Screen, name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let ms = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    screen.print(&format!("{name:<28}{:>8.3}{:>10.3}\n", ms(times.get(times.len() / 2)), ms(times.last())));
}
