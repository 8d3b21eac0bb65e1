//! What the demo shows, chapter by chapter. A chapter is left out while the extension lacks what it needs.
//!
//! Must never show anything that a user could not type, nor an answer that the server did not give.

use std::time::Duration;

use anyhow::Result;

use super::screen::Screen;
use crate::paths;

/// A part of the tour.
struct Chapter {
    title: &'static str,
    /// The functions, views or files without which it is left out.
    needs: &'static [&'static str],
    show: fn(&Screen) -> Result<()>,
}

const CHAPTERS: &[Chapter] = &[
    Chapter { title: "A key, a value, a deadline", needs: &["cache_set", "cache_get"], show: values },
    Chapter { title: "Entries end by themselves", needs: &["cache_ttl"], show: expiry },
    Chapter { title: "It belongs to your transaction", needs: &["cache_delete"], show: transactions },
    Chapter { title: "Counters and first-come-first-served", needs: &["cache_add", "cache_incr"], show: atomic },
    Chapter { title: "It cannot go stale", needs: &["cache_watch", "cache_get_or_set"], show: watched },
    Chapter { title: "One caller computes, the others do not", needs: &["cache_fetch"], show: leases },
    Chapter { title: "Seven caches of a restaurant platform", needs: &["examples/seven-caches.sql"], show: seven },
    Chapter { title: "Who may use it", needs: &["cache_get"], show: privileges },
    Chapter { title: "How it is doing", needs: &["cache_stats"], show: statistics },
];

/// Shows the whole tour.
///
/// # Errors
/// When a step fails that should not.
pub fn show(screen: &Screen) -> Result<()> {
    screen.chapter("One statement makes a database a cache");
    screen.run(&["CREATE EXTENSION cache_pg"])?;
    for chapter in CHAPTERS {
        if has(screen, chapter.needs)? {
            screen.chapter(chapter.title);
            (chapter.show)(screen)?;
        }
    }
    Ok(())
}

fn has(screen: &Screen, needs: &[&str]) -> Result<bool> {
    for need in needs {
        let found = if need.contains('/') {
            paths::project().join(need).is_file()
        } else {
            let query = format!(
                "SELECT EXISTS (SELECT FROM pg_proc WHERE proname = '{need}') OR to_regclass('{need}') IS NOT NULL"
            );
            screen.value(&query)? == "t"
        };
        if !found {
            return Ok(false);
        }
    }
    Ok(true)
}

fn values(screen: &Screen) -> Result<()> {
    screen.say("Store some JSON for five minutes; the answer is its deadline.");
    screen.run(&[
        r#"SELECT cache_set('tenant:burger-palace', '{"name": "Burger Palace", "plan": "pro"}', '5 minutes')"#,
    ])?;
    screen.say("Read it, from any session and any client.");
    screen.run(&[
        "SELECT cache_get('tenant:burger-palace')",
        "SELECT cache_get('tenant:burger-palace') ->> 'plan' AS plan",
    ])?;
    screen.say("What is not there is NULL.");
    screen.run(&["SELECT cache_get('tenant:nobody') IS NULL AS missed"])
}

fn expiry(screen: &Screen) -> Result<()> {
    screen.say("An offer for three seconds.");
    screen.run(&[
        r#"SELECT cache_set('offer:today', '"two for one"', '3 seconds')"#,
        "SELECT cache_ttl('offer:today')",
    ])?;
    for _ in 0..2 {
        std::thread::sleep(Duration::from_secs(1));
        screen.say(&format!("a second later: {}", screen.value("SELECT cache_ttl('offer:today')")?));
    }
    screen.wait("SELECT cache_ttl('offer:today') IS NULL", Duration::from_secs(10))?;
    screen.say("\nAnd from its deadline on it is not returned, to the millisecond.");
    screen.run(&["SELECT cache_get('offer:today') IS NULL AS missed"])?;
    screen.say("Nobody has to clean up: a worker removes the row (here it looks every second).");
    let took = screen
        .wait("SELECT NOT EXISTS (SELECT FROM cache_entries WHERE key = 'offer:today')", Duration::from_secs(30))?;
    screen.run(&["SELECT count(*) AS rows_left FROM cache_entries WHERE key = 'offer:today'"])?;
    screen.say(&match took {
        short if short < Duration::from_millis(100) => "It was gone before we could look.".to_owned(),
        long => format!("It was gone {:.1} s after its deadline.", long.as_secs_f64()),
    });
    Ok(())
}

fn transactions(screen: &Screen) -> Result<()> {
    screen.say("A delete that is rolled back has not happened.");
    screen.run(&[
        "BEGIN",
        "SELECT cache_delete('tenant:burger-palace')",
        "SELECT cache_get('tenant:burger-palace') IS NULL AS missed",
        "ROLLBACK",
        "SELECT cache_get('tenant:burger-palace')",
    ])
}

fn atomic(screen: &Screen) -> Result<()> {
    screen.say("Of many that add the same key, one succeeds.");
    screen.run(&[
        r#"SELECT cache_add('job:nightly', '"worker 1"', '1 minute')"#,
        r#"SELECT cache_add('job:nightly', '"worker 2"', '1 minute')"#,
    ])?;
    screen.say("Count requests a minute, without losing any.");
    screen.run(&["SELECT cache_incr('limit:ann', ttl => '1 minute') FROM generate_series(1, 3)"])
}

fn watched(screen: &Screen) -> Result<()> {
    screen.say("A table, and a rule: when a dish changes, its entry is out of date.");
    screen.run(&[
        "CREATE TABLE dish (id integer PRIMARY KEY, name text, price numeric)",
        "INSERT INTO dish VALUES (1, 'Cheeseburger', 7.50)",
        "SELECT cache_watch('dish', keys => ARRAY['dish:{id}'])",
    ])?;
    screen.say("Get it, or compute it once and keep it.");
    screen.run(&["SELECT cache_get_or_set('dish:1', 'SELECT to_jsonb(d) FROM dish d WHERE id = 1', '10 minutes')"])?;
    screen.say("Whatever changes the table, the next reader sees it.");
    screen.run(&[
        "UPDATE dish SET price = 8.25",
        "SELECT cache_get('dish:1') IS NULL AS missed",
        "SELECT cache_get_or_set('dish:1', 'SELECT to_jsonb(d) FROM dish d WHERE id = 1', '10 minutes')",
    ])
}

fn leases(screen: &Screen) -> Result<()> {
    screen.say("The first to miss gets a token, and computes. The second gets none.");
    screen.run(&[
        "SELECT found, token IS NOT NULL AS shall_compute FROM cache_fetch('report:sales')",
        "SELECT found, token IS NOT NULL AS shall_compute FROM cache_fetch('report:sales')",
    ])
}

fn seven(screen: &Screen) -> Result<()> {
    screen.say("Each with a time to live of its own, set once (examples/seven-caches.sql).\n");
    screen.script(&paths::project().join("examples/seven-caches.sql"))
}

fn privileges(screen: &Screen) -> Result<()> {
    screen.say("A new role may do nothing with the cache.");
    screen.show(&["CREATE ROLE app", "SET ROLE app", "SELECT cache_get('tenant:burger-palace')"])?;
    screen.say("One GRANT is all that an application needs.");
    screen.run(&[
        "GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO app",
        "SET ROLE app",
        "SELECT cache_get('tenant:burger-palace')",
    ])
}

fn statistics(screen: &Screen) -> Result<()> {
    screen.run(&["SELECT * FROM cache_stats"])
}
