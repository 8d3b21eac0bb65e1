//! What the tour shows of the promise that the cache cannot go stale, and of what goes with it.
//!
//! Must never go on after an answer that breaks it.

use std::panic;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::screen::Screen;

/// How many sessions ask at once for what is computed once.
const SESSIONS: usize = 8;

/// A value that was read before a change arrives after it.
///
/// # Errors
/// When it is stored, or the new one is not.
pub fn late(screen: &Screen) -> Result<()> {
    screen.run(&[
        "CREATE TABLE dishes (id int PRIMARY KEY, name text, price numeric)",
        "INSERT INTO dishes VALUES (1, 'Fries', 3)",
    ])?;
    screen.say("A reader misses and gets a token, the right to compute the value, and reads the row.");
    let token = miss(screen)?;
    let old = read(screen)?;
    screen.say("Before that is stored, another session changes the row, and says so in the same transaction.");
    screen.say("There is nothing to delete yet; that it was tried is enough.");
    screen.expect(
        &["BEGIN", "UPDATE dishes SET price = 4 WHERE id = 1", "SELECT cache_delete('dish:1')", "COMMIT"],
        "f",
    )?;
    screen.say("Now the reader brings what it has read. It is old, and refused.");
    fill(screen, &old, &token, "f")?;
    screen.say("The next one misses again, reads what is there now, and that is stored.");
    let token = miss(screen)?;
    let new = read(screen)?;
    fill(screen, &new, &token, "t")?;
    screen.expect(&["SELECT cache_get('dish:1')"], &new)
}

/// Asks for a dish that is not cached, and returns the token.
fn miss(screen: &Screen) -> Result<String> {
    let answer = screen.ask(&["SELECT found, token FROM cache_fetch('dish:1')"])?;
    let token = answer.strip_prefix("f|").filter(|token| !token.is_empty());
    Ok(token.with_context(|| format!("not a miss with a token: {answer}"))?.to_owned())
}

fn read(screen: &Screen) -> Result<String> {
    screen.ask(&["SELECT to_jsonb(d) AS dish FROM dishes AS d WHERE id = 1"])
}

fn fill(screen: &Screen, value: &str, token: &str, stored: &str) -> Result<()> {
    screen.expect(&[&format!("SELECT cache_fill('dish:1', '{value}',\n    '{token}') AS stored")], stored)
}

/// Changes by somebody who does not know of the cache.
///
/// # Errors
/// When an entry outlives its row, or does not outlive a rollback.
pub fn watched(screen: &Screen) -> Result<()> {
    screen.say("Many programs change a table, and not all of them know of the cache. Watch the table.");
    screen.run(&["SELECT cache_watch('dishes', keys => ARRAY['dish:{id}'])"])?;
    screen.say("A change that is rolled back has not happened.");
    screen.expect(
        &["BEGIN", "UPDATE dishes SET price = 5", "ROLLBACK", "SELECT cache_get('dish:1') IS NULL AS missed"],
        "f",
    )?;
    screen.say("One that is committed takes the entry away, with no call to the cache.");
    screen.expect(&["UPDATE dishes SET price = 5", "SELECT cache_get('dish:1') IS NULL AS missed"], "t")
}

/// Many sessions that want one value, and many entries that end with one call.
///
/// # Errors
/// When a value is computed twice, or an entry is left.
pub fn together(screen: &Screen) -> Result<()> {
    screen.say("A report that takes a second, and whose value is how often it has been computed.");
    screen.run(&["CREATE SEQUENCE runs"])?;
    screen.say(&format!("{SESSIONS} sessions ask for it at once; this is one of them."));
    let report = "SELECT cache_get_or_set('report:today',\n    \
                  'SELECT to_jsonb(nextval(''runs'')) FROM pg_sleep(1)')";
    let start = Instant::now();
    let others = thread::scope(|scope| {
        let others: Vec<_> = (1..SESSIONS).map(|_| scope.spawn(|| screen.value(report))).collect();
        screen.expect(&[report], "1")?;
        others
            .into_iter()
            .map(|other| other.join().unwrap_or_else(|why| panic::resume_unwind(why)))
            .collect::<Result<Vec<_>>>()
    })?;
    screen.say(&format!("The others got {}; {:.1} s for all.\n", others.join(", "), start.elapsed().as_secs_f64()));
    ensure!(others.iter().all(|answer| answer == "1"), "the report was computed more than once");
    screen.say("100 pages carry a tag. One call, and all of them are a miss.");
    let hits = "SELECT count(cache_get('page:' || i)) AS hits FROM generate_series(1, 100) AS i";
    screen.run(&[
        "SELECT cache_set_many(jsonb_object_agg('page:' || i, 'Burger Palace'), tags => ARRAY['theme'])\n    \
                  FROM generate_series(1, 100) AS i",
    ])?;
    screen.expect(&[hits], "100")?;
    screen.expect(&["SELECT cache_invalidate_tags('theme')", hits], "0")
}
