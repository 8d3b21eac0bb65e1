//! Owns what the demo shows, chapter by chapter.
//!
//! Must never show anything that a user could not type, nor any output but that of the server.

use std::time::Duration;

use anyhow::Result;

use super::{ahead, durations, freshness, screen::Screen};
use crate::paths;

struct Chapter {
    title: &'static str,
    show: fn(&Screen) -> Result<()>,
    /// Whether the picture of the tour has it.
    filmed: bool,
}

impl Chapter {
    const fn new(title: &'static str, show: fn(&Screen) -> Result<()>) -> Self {
        Self { title, show, filmed: false }
    }

    const fn filmed(self) -> Self {
        Self { filmed: true, ..self }
    }
}

/// The chapter that the picture shows where it does not move.
pub const STILL: &str = "A late value is refused";

/// The chapters, in the order in which they are shown.
const CHAPTERS: &[Chapter] = &[
    Chapter::new("One statement adds a cache to a database", create),
    Chapter::new("A key, a value, a deadline", values).filmed(),
    Chapter::new("Entries expire by themselves", expiry),
    Chapter::new("The cache belongs to your transaction", transactions).filmed(),
    Chapter::new(STILL, freshness::late).filmed(),
    Chapter::new("A watched table deletes its keys from the cache", freshness::watched).filmed(),
    Chapter::new("Computed once, invalidated together", freshness::together).filmed(),
    Chapter::new("A refresh that no reader waits for", ahead::show),
    Chapter::new("Locks and counters", atomic),
    Chapter::new("Seven caches of a restaurant platform", seven),
    Chapter::new("Privileges", privileges),
    Chapter::new("How long a call takes, here and now", durations::show),
];

/// The part of the tour that is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// All of it.
    Whole,
    /// All but how long calls take, which needs a connection of a driver.
    ByPsql,
    /// As [`ByPsql`](Part::ByPsql), for a database that has the extension.
    AfterCreate,
}

/// Shows a part of the tour.
///
/// # Errors
/// When a step fails that should not.
pub fn show(screen: &Screen, part: Part) -> Result<()> {
    let mut chapters = CHAPTERS;
    if part != Part::Whole {
        chapters = chapters.split_last().map_or(chapters, |(_, rest)| rest);
    }
    if part == Part::AfterCreate {
        chapters = chapters.split_first().map_or(chapters, |(_, rest)| rest);
    }
    for chapter in chapters {
        screen.chapter(chapter.title);
        (chapter.show)(screen)?;
    }
    Ok(())
}

/// The titles of the chapters that the picture of the tour shows.
pub fn filmed() -> Vec<&'static str> {
    CHAPTERS.iter().filter(|chapter| chapter.filmed).map(|chapter| chapter.title).collect()
}

fn create(screen: &Screen) -> Result<()> {
    screen.run(&["CREATE EXTENSION cache_pg"])
}

fn values(screen: &Screen) -> Result<()> {
    screen.say("Store JSON for five minutes. The result is the deadline.");
    screen.run(&["SELECT cache_set('tenant:burger-palace',\n    \
                  '{\"name\": \"Burger Palace\", \"plan\": \"pro\"}', '5 minutes')"])?;
    screen.say("Read it, from any session and any client.");
    screen.run(&[
        "SELECT cache_get('tenant:burger-palace')",
        "SELECT cache_get('tenant:burger-palace') ->> 'plan' AS plan",
    ])?;
    screen.say("A miss is NULL.");
    screen.run(&["SELECT cache_get('tenant:nobody') IS NULL AS missed"])
}

fn expiry(screen: &Screen) -> Result<()> {
    screen.say("Store an offer for three seconds.");
    screen.run(&[
        r#"SELECT cache_set('offer:today', '"two for one"', '3 seconds')"#,
        "SELECT cache_ttl('offer:today')",
    ])?;
    for _ in 0..2 {
        std::thread::sleep(Duration::from_secs(1));
        screen.say(&format!("One second later: {}", screen.value("SELECT cache_ttl('offer:today')")?));
    }
    screen.wait("SELECT cache_ttl('offer:today') IS NULL", Duration::from_secs(10))?;
    screen.say("\nFrom its deadline on, the entry is never returned.");
    screen.run(&["SELECT cache_get('offer:today') IS NULL AS missed"])?;
    screen.say("The sweeper removes the row (in this demo it looks once a second).");
    let took = screen
        .wait("SELECT NOT EXISTS (SELECT FROM cache_entries WHERE key = 'offer:today')", Duration::from_secs(30))?;
    screen.run(&["SELECT count(*) AS rows_left FROM cache_entries WHERE key = 'offer:today'"])?;
    screen.say(&match took {
        short if short < Duration::from_millis(100) => "The row was already removed.".to_owned(),
        long => format!("The row was removed {:.1} s after its deadline.", long.as_secs_f64()),
    });
    Ok(())
}

fn transactions(screen: &Screen) -> Result<()> {
    screen.say("A delete that is rolled back has no effect.");
    screen.run(&[
        "BEGIN",
        "SELECT cache_delete('tenant:burger-palace')",
        "SELECT cache_get('tenant:burger-palace') IS NULL AS missed",
        "ROLLBACK",
        "SELECT cache_get('tenant:burger-palace')",
    ])
}

fn atomic(screen: &Screen) -> Result<()> {
    screen.say("If several sessions add the same key, one of them succeeds.");
    screen.run(&[
        r#"SELECT cache_add('job:nightly', '"worker 1"', '1 minute')"#,
        r#"SELECT cache_add('job:nightly', '"worker 2"', '1 minute')"#,
    ])?;
    screen.say("Count the requests of one minute. Every call counts.");
    screen.run(&["SELECT cache_incr('limit:ann', ttl => '1 minute') FROM generate_series(1, 3)"])
}

fn seven(screen: &Screen) -> Result<()> {
    screen.say("Each namespace has its own time to live, which is set once (examples/seven-caches.sql).\n");
    screen.script(&paths::project().join("examples/seven-caches.sql"))
}

fn privileges(screen: &Screen) -> Result<()> {
    screen.say("A new role has no privilege on the cache.");
    screen.show(&["CREATE ROLE app", "SET ROLE app", "SELECT cache_get('tenant:burger-palace')"])?;
    screen.say("An application needs one GRANT.");
    screen.run(&[
        "GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO app",
        "SET ROLE app",
        "SELECT cache_get('tenant:burger-palace')",
    ])
}
