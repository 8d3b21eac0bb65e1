//! Owns what the tour shows of the promise that the cache cannot go stale, and of what goes with it.
//!
//! Must never go on after an answer that breaks it.

use std::{panic, thread, time::Instant};

use anyhow::{Result, ensure};

use super::screen::Screen;

/// How many sessions ask at once for what is computed once.
const SESSIONS: usize = 8;

/// The row that is cached, as JSON.
const DISH: &str = "SELECT to_jsonb(d) AS dish FROM dishes AS d WHERE id = 1";

/// A value that was read before a change arrives after it.
///
/// # Errors
/// When it is stored, or the new one is not.
pub fn late(screen: &Screen) -> Result<()> {
    screen.run(&[
        "CREATE TABLE dishes (id int PRIMARY KEY, name text, price int)",
        "INSERT INTO dishes VALUES (1, 'Fries', 3)",
    ])?;
    screen.say("A reader misses, gets a token (the right to compute the value), and reads the row.");
    miss(screen)?;
    let old = screen.ask(&[DISH])?;
    screen.say("Before it stores the value, another session changes the row and deletes the key.");
    screen.say("There is no entry yet, so cache_delete returns f. The cache records the delete.");
    screen.run(&["BEGIN", "UPDATE dishes SET price = 4 WHERE id = 1", "SELECT cache_delete('dish:1')", "COMMIT"])?;
    screen.say("The reader tries to store the old value. The cache refuses it (f).");
    screen.expect(&[&format!("SELECT cache_fill('dish:1',\n    '{old}', :'token') AS stored")], "f")?;
    screen.say("The next reader gets a token too, and stores the new value.");
    miss(screen)?;
    screen.expect(&[&format!("SELECT cache_fill('dish:1',\n    ({DISH}), :'token') AS stored")], "t")?;
    let (cached, new) = (screen.value("SELECT cache_get('dish:1')")?, screen.value(DISH)?);
    ensure!(cached == new, "the cache has {cached}, the table {new}");
    Ok(())
}

/// Asks for a dish that is not cached, and keeps the token.
fn miss(screen: &Screen) -> Result<()> {
    screen.gset("SELECT found, token FROM cache_fetch('dish:1')", &["found", "token"])?;
    screen.expect_variable("found", "f")
}

/// Changes by a program that does not know of the cache.
///
/// # Errors
/// When an entry outlives its row, or does not outlive a rollback.
pub fn watched(screen: &Screen) -> Result<()> {
    screen.say("Other programs change the table, and do not know about the cache. Watch the table.");
    screen.run(&["SELECT cache_watch('dishes', keys => ARRAY['dish:{id}'])"])?;
    screen.say("A change that is rolled back does not delete the entry.");
    screen.expect(
        &["BEGIN", "UPDATE dishes SET price = 5", "ROLLBACK", "SELECT cache_get('dish:1') IS NULL AS missed"],
        "f",
    )?;
    screen.say("A change that is committed deletes it, without a call to the cache.");
    screen.expect(&["UPDATE dishes SET price = 5", "SELECT cache_get('dish:1') IS NULL AS missed"], "t")
}

/// Many sessions that want one value, and many entries that end with one call.
///
/// # Errors
/// When a value is computed twice, or an entry is left.
pub fn together(screen: &Screen) -> Result<()> {
    screen.say("This report takes a second. Its value says how often it was computed.");
    screen.run(&["CREATE SEQUENCE runs"])?;
    screen.say(&format!("{SESSIONS} sessions ask for it at once. This is one of them."));
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
    let took = start.elapsed().as_secs_f64();
    screen.say(&format!("The other sessions got {}. All sessions together took {took:.1} s.\n", others.join(", ")));
    ensure!(others.iter().all(|answer| answer == "1"), "the report was computed more than once");
    screen.say("100 pages carry a tag. One call makes all of them a miss.");
    let hits = "SELECT count(cache_get('page:' || i)) AS hits\n    FROM generate_series(1, 100) AS i";
    screen.run(&[
        "SELECT cache_set_many(jsonb_object_agg('page:' || i, 'Burger Palace'),\n    tags => ARRAY['theme']) \
                  FROM generate_series(1, 100) AS i",
    ])?;
    screen.expect(&[hits], "100")?;
    screen.expect(&["SELECT cache_invalidate_tags('theme')", hits], "0")
}
