//! Owns a sample: what the views of the statistics say at one moment.
//!
//! Must never read anything else, so that a look costs the cache nothing.

use std::time::Instant;

use anyhow::{Context, Result};
use postgres::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What was read at one moment.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When.
    pub at: Instant,
    /// Of all namespaces.
    pub total: Namespace,
    /// Of each.
    pub namespaces: Vec<Namespace>,
    /// Of each operation that was timed.
    pub latencies: Vec<Latency>,
    /// Of the sweeper.
    pub sweeper: Sweeper,
    /// Of the loads by workers, for each namespace that has or had any.
    pub loads: Vec<Loads>,
    /// Every check, the worst first.
    pub health: Vec<Check>,
}

/// What a namespace has done, and holds.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Namespace {
    /// Its name; `(rest)` stands for those that are not counted by themselves.
    pub name: String,
    /// Whether it stands for all.
    pub is_total: bool,
    /// Reads that found something,
    pub hits: u64,
    /// and nothing.
    pub misses: u64,
    /// Values written, except the computed ones below,
    pub sets: u64,
    /// or computed and stored.
    pub fills: u64,
    /// Keys deleted, by a call or because a row has changed.
    pub deletes: u64,
    /// Entries removed after they had expired,
    pub expired: u64,
    /// and to make room.
    pub evicted: u64,
    /// Live entries,
    pub entries: u64,
    /// and the bytes that they take.
    pub bytes: u64,
    /// Expired rows.
    pub due: u64,
}

impl Namespace {
    /// Values that were asked for.
    pub fn reads(&self) -> u64 {
        self.hits + self.misses
    }

    /// Values written, one way or the other.
    pub fn written(&self) -> u64 {
        self.sets + self.fills
    }

    /// Hits among reads; None: nothing was read.
    pub fn hit_ratio(&self) -> Option<f64> {
        (self.reads() > 0).then(|| self.hits as f64 / self.reads() as f64)
    }

    /// What was done since `then`: nothing where the statistics began anew meanwhile.
    #[must_use]
    pub fn since(&self, then: Option<&Self>) -> Self {
        let Some(then) = then else { return self.clone() };
        Self {
            hits: self.hits.saturating_sub(then.hits),
            misses: self.misses.saturating_sub(then.misses),
            sets: self.sets.saturating_sub(then.sets),
            fills: self.fills.saturating_sub(then.fills),
            deletes: self.deletes.saturating_sub(then.deletes),
            expired: self.expired.saturating_sub(then.expired),
            evicted: self.evicted.saturating_sub(then.evicted),
            ..self.clone()
        }
    }
}

/// How long operations of a kind took, in milliseconds, since the statistics began.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Latency {
    /// Which kind.
    pub operation: String,
    /// How many were timed.
    pub timed: u64,
    /// What half of them did not exceed,
    pub p50: f64,
    /// what 99 % did not,
    pub p99: f64,
    /// and none.
    pub max: f64,
}

/// What the sweeper has done.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Sweeper {
    /// Turns,
    pub turns: u64,
    /// and rows removed in them.
    pub removed: u64,
    /// Pages read,
    pub pages_read: u64,
    /// and skipped.
    pub pages_skipped: u64,
    /// The longest time between a deadline and the removal in the last turn, in milliseconds.
    pub lag: f64,
    /// How many seconds ago that turn ended.
    pub ago: Option<f64>,
    /// In how many seconds the next visit is; None: the sweeper is at work, or no visit is planned.
    pub next: Option<f64>,
    /// Failures since it last succeeded.
    pub failures: u64,
}

/// The loads of a namespace by workers, ahead of the deadline.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Loads {
    /// Its name.
    pub namespace: String,
    /// Entries that wait for a load,
    pub waiting: u64,
    /// and loads under way.
    pub running: u64,
    /// Loads that stored a value,
    pub done: u64,
    /// and those that failed.
    pub failed: u64,
    /// Failures since the last load that did not fail,
    pub failures: u64,
    /// and the last error; empty: none is known.
    pub last_error: String,
}

/// A row of `cache_health`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// `ok`, `warning` or `critical`.
    pub status: String,
    /// What was found.
    pub value: String,
    /// What to do.
    pub advice: String,
}

impl Check {
    /// Whether there is nothing to do.
    pub fn is_ok(&self) -> bool {
        self.status == "ok"
    }
}

const NAMESPACES: &str = "
    SELECT coalesce(namespace, '(rest)') AS name, scope = 'total' AS is_total, hits, misses, sets, fills,
           deletes + invalidations AS deletes, expired, evicted, coalesce(entries, 0) AS entries,
           coalesce(bytes, 0) AS bytes, coalesce(expired_entries, 0) AS due
    FROM cache_stats";
const LATENCIES: &str = "SELECT operation, timed, p50, p99, max FROM cache_latency WHERE timed > 0";
const SWEEPER: &str = "
    SELECT turns, rows_removed AS removed, pages_read, pages_skipped, lag_ms AS lag, failures_in_a_row AS failures,
           extract(epoch FROM clock_timestamp() - last_turn_at) AS ago,
           extract(epoch FROM next_visit_at - clock_timestamp()) AS next
    FROM cache_sweeps";
const LOADS: &str = "
    SELECT namespace, waiting, running, done, failed, failures_in_a_row AS failures,
           coalesce(last_error, '') AS last_error
    FROM cache_loads";
const HEALTH: &str = "
    SELECT \"check\" AS name, status, value, coalesce(advice, '') AS advice
    FROM cache_health ORDER BY array_position('{critical,warning,ok}', status)";

/// Looks at everything once.
///
/// # Errors
/// When the statistics cannot be read: the extension is not there or not preloaded, or the role is not one of
/// `pg_monitor`.
pub fn sample(client: &mut Client) -> Result<Sample> {
    let all: Vec<Namespace> = rows(client, NAMESPACES)?;
    let (total, namespaces): (Vec<_>, Vec<_>) = all.into_iter().partition(|it| it.is_total);
    Ok(Sample {
        at: Instant::now(),
        total: total.into_iter().next().context("there is no total")?,
        namespaces,
        latencies: rows(client, LATENCIES)?,
        sweeper: rows(client, SWEEPER)?.into_iter().next().context("there is no sweeper")?,
        loads: rows(client, LOADS)?,
        health: rows(client, HEALTH)?,
    })
}

/// The rows of `query`, by the names of its columns.
fn rows<T: DeserializeOwned>(client: &mut Client, query: &str) -> Result<Vec<T>> {
    let row = |row: postgres::Row| Ok(serde_json::from_str(row.try_get(0)?)?);
    let rows = client.query(&format!("SELECT to_jsonb(r)::text FROM ({query}) AS r"), &[]);
    let read = rows.map_err(Into::into).and_then(|rows| rows.into_iter().map(row).collect::<Result<_>>());
    read.context("cannot read the statistics")
}
