//! One session: a role, a connection that it makes again when it is gone, and statement after statement.
//!
//! Must never take an error of a statement for a failure: only what the judge finds is one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use postgres::{Client, SimpleQueryMessage};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use xtask::cluster::Cluster;

use super::function::Function;
use super::tally::Tally;
use super::{DATABASE, ROLES, act, arguments, text};

/// How long a server may take to let a session in again after a crash.
const PATIENCE: Duration = Duration::from_secs(60);

/// The session that reads on the standby.
pub(super) const STANDBY: usize = 4;

/// How many tokens a session remembers.
const TOKENS: usize = 20;

/// Runs session `number` until it is `over`.
///
/// # Errors
/// When the server does not let it in again.
pub fn run(cluster: &Cluster, functions: &[Function], seed: u64, number: usize, over: &AtomicBool) -> Result<Tally> {
    let chance = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
    let mut session = Session { chance, number, tokens: Vec::new(), tally: Tally::default() };
    while !over.load(Ordering::Relaxed) {
        let mut client = session.connect(cluster)?;
        // A role's session is not for ever.
        let statements = session.chance.random_range(20..200);
        for _ in 0..statements {
            if over.load(Ordering::Relaxed) || !session.step(&mut client, functions) {
                break;
            }
        }
    }
    Ok(session.tally)
}

struct Session {
    chance: StdRng,
    number: usize,
    tokens: Vec<String>,
    tally: Tally,
}

impl Session {
    fn connect(&mut self, cluster: &Cluster) -> Result<Client> {
        // The first session is the owner's most of the time: it changes the tables.
        let role = match self.chance.random_range(0..8) {
            _ if self.number == 0 => "postgres",
            at @ 0..5 => ROLES[at].0,
            5 => "postgres",
            _ => ROLES[self.number % 2].0,
        };
        let start = Instant::now();
        loop {
            match cluster.connect_as(role, DATABASE) {
                Ok(mut client) => {
                    // A connection that breaks at once is found out by the next statement.
                    let _ = client.batch_execute(
                        "SET statement_timeout = '3s'; SET lock_timeout = '300ms'; SET client_min_messages = error",
                    );
                    return Ok(client);
                }
                Err(error) if start.elapsed() > PATIENCE => return Err(error).context("the server does not come back"),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// One statement; whether the connection is still there.
    fn step(&mut self, client: &mut Client, functions: &[Function]) -> bool {
        if self.number == STANDBY {
            // Most of what it says is refused at once: it is not to take the others' time.
            std::thread::sleep(Duration::from_millis(3));
        }
        let chance = &mut self.chance;
        let is_owner = self.number == 0;
        let sql = match chance.random_range(0..100) {
            0..10 => act::hostile_row(chance),
            10..15 => act::watched(chance),
            15..24 => act::transaction(chance),
            24..28 => act::setting(chance),
            28..38 if is_owner => act::change(chance),
            28 => act::change(chance),
            29..33 => {
                let read = text::quoted(&text::key(chance));
                format!(
                    "SELECT * FROM cache_fetch({read}, '{}')",
                    text::pick(chance, &["0", "50 milliseconds", "10 seconds"])
                )
            }
            _ => {
                let at = chance.random_range(0..functions.len());
                let mut sql = arguments::call(chance, &functions[at], &self.tokens);
                if chance.random_ratio(1, 20) {
                    sql = format!(
                        "DO $do$BEGIN EXECUTE {}; EXCEPTION WHEN OTHERS THEN NULL; END$do$",
                        text::quoted(&sql)
                    );
                }
                sql
            }
        };
        if std::env::var_os("CACHE_PG_FUZZ_VERBOSE").is_some() {
            eprintln!("{} {sql}", self.number);
        }
        match client.simple_query(&sql) {
            Ok(messages) => {
                self.tally.note("00000");
                self.remember(&messages);
            }
            Err(error) => {
                let state = error.code().map_or("closed", |state| state.code());
                self.tally.note(state);
                // A transaction that has failed tells nothing more.
                if state == "25P02" && self.chance.random_ratio(2, 3) {
                    let _ = client.simple_query("ROLLBACK");
                }
            }
        }
        !client.is_closed()
    }

    /// Tokens that it was given.
    fn remember(&mut self, messages: &[SimpleQueryMessage]) {
        for message in messages {
            if let SimpleQueryMessage::Row(row) = message
                && row.columns().iter().any(|column| column.name() == "token")
                && let Ok(Some(token)) = row.try_get("token")
            {
                self.tokens.push(token.to_owned());
                if self.tokens.len() > TOKENS {
                    self.tokens.remove(0);
                }
            }
        }
    }
}
