//! Owns what the tour shows of refresh ahead: a value that takes a second, and readers that never wait for it.
//!
//! Must never go on after a reader that has waited, except the first one.

use std::{thread, time::Duration, time::Instant};

use anyhow::{Context, Result, ensure};

use super::screen::Screen;

/// The call of each reader.
const READ: &str = "SELECT cache_get_or_set('sales:kitchen')";

/// Its value, and how many milliseconds it took in a session that has used the cache before.
const TIMED: &str = "
    SELECT cache_exists('sales:kitchen');
    SELECT value, round(1000 * extract(epoch FROM clock_timestamp() - began), 1)
    FROM (SELECT clock_timestamp() AS began, cache_get_or_set('sales:kitchen') AS value OFFSET 0) AS read";

/// How many seconds the value lives: on a server whose sweeper comes more rarely than that of the demo it must pass
/// before the deadline all the same.
const LIVES: &str = "
    SELECT greatest(8, 3 * setting::int / 1000) FROM pg_settings WHERE name = 'cache_pg.sweep_interval'";

/// A worker computes a value again before its deadline, because it is read.
///
/// # Errors
/// When a reader waits, or the value stays the same.
pub fn show(screen: &Screen) -> Result<()> {
    let lives: u64 = screen.value(LIVES)?.parse()?;
    let ahead = lives * 3 / 4;
    screen.say(&format!("These figures take a second. From {ahead} seconds before the deadline on, a worker"));
    screen.say("computes them again, if they were read.");
    screen.run(&[
        "CREATE FUNCTION sales(key text) RETURNS jsonb STABLE LANGUAGE sql\n    \
         AS $$ SELECT to_jsonb('computed at ' || clock_timestamp()::time(0)) FROM pg_sleep(1) $$",
        &format!(
            "SELECT cache_configure('sales', loader => 'sales(text)',\n    \
             default_ttl => '{lives} seconds', refresh_ahead => '{ahead} seconds')"
        ),
    ])?;
    screen.say("The first reader waits for the loader.");
    screen.run(&[READ])?;
    screen.say("Later readers get a value at once, also while a worker computes the next one.");
    let start = Instant::now();
    let (old, _) = read(screen)?;
    loop {
        thread::sleep(Duration::from_secs(1));
        let (value, ms) = read(screen)?;
        screen.say(&format!("After {:.0} s: {value}, in {ms} ms", start.elapsed().as_secs_f64()));
        if value != old {
            break;
        }
        ensure!(start.elapsed() < Duration::from_secs(lives + 30), "the value is still {value}");
    }
    // A worker stores the value first and counts it then.
    screen.wait("SELECT refreshes > 0 FROM cache_stats WHERE namespace = 'sales'", Duration::from_secs(10))?;
    screen.say("\nA reader has computed the first value, and a worker the next one. No other reader has waited.");
    screen.run(&["SELECT loads, refreshes, waits FROM cache_stats WHERE namespace = 'sales'"])?;
    let kept = "SELECT loads - refreshes = 1 AND waits = 0 FROM cache_stats WHERE namespace = 'sales'";
    ensure!(screen.value(kept)? == "t", "a reader has computed a later value, or has waited for one");
    Ok(())
}

/// The value that a reader gets, and in how many milliseconds.
fn read(screen: &Screen) -> Result<(String, String)> {
    let answers = screen.value(TIMED)?;
    let (value, ms) = answers.lines().last().and_then(|row| row.split_once('|')).context("no answer of two columns")?;
    Ok((value.to_owned(), ms.to_owned()))
}
