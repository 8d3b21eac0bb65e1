//! The cache against a model of it: random operations on few keys, in and out of transactions, while the worker
//! sweeps all the time. Where the clock leaves open whether an entry was still live, either answer is right.

mod check;
mod operation;
mod state;

use anyhow::{Context, Result, ensure};
use cache_pg_server_tests::{Shared, create_database, get, server, together};
use check::Outcome;
use operation::Operation;
use postgres::Client;
use postgres::error::SqlState;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;
use state::{State, Window};

static SHARED: Shared = Shared::new();

const STEPS: usize = 2_000;

/// Microseconds since 1970.
const CLOCK: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

const READ_COMMITTED: &[&str] = &["READ COMMITTED"];
const STRICTER: &[&str] = &["REPEATABLE READ", "SERIALIZABLE"];

/// A session, and what its cache should hold.
struct Run {
    client: Client,
    /// The isolation levels of its transactions.
    levels: &'static [&'static str],
    random: StdRng,
    state: State,
    /// What the state was at BEGIN and at each savepoint.
    frames: Vec<State>,
    /// Every statement so far, and what came of it.
    history: Vec<String>,
}

impl Run {
    fn new(client: Client, levels: &'static [&'static str], seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self { client, levels, random, state: State::default(), frames: Vec::new(), history: Vec::new() }
    }

    fn step(&mut self) -> Result<()> {
        match self.random.random_range(0..100) {
            0..=4 if self.frames.is_empty() => self.begin(),
            0..=4 => self.run("SAVEPOINT s").map(|()| self.frames.push(self.state.clone())),
            5..=7 if self.frames.len() > 1 => self.roll_back(),
            8 if self.frames.len() > 1 => self.run("RELEASE s").map(|()| drop(self.frames.pop())),
            9..=11 if !self.frames.is_empty() => self.run("COMMIT").map(|()| self.frames.clear()),
            12 if !self.frames.is_empty() => {
                self.frames.truncate(1);
                self.roll_back()
            }
            _ => self.operate(),
        }
    }

    fn begin(&mut self) -> Result<()> {
        let level = self.levels[self.random.random_range(0..self.levels.len())];
        self.frames.push(self.state.clone());
        self.run(&format!("BEGIN ISOLATION LEVEL {level}"))
    }

    /// To the last savepoint, which stays, or to the start of the transaction, which ends.
    fn roll_back(&mut self) -> Result<()> {
        if let Some(frame) = self.frames.last() {
            self.state = frame.clone();
        }
        if self.frames.len() > 1 {
            return self.run("ROLLBACK TO s");
        }
        self.frames.clear();
        self.run("ROLLBACK")
    }

    fn operate(&mut self) -> Result<()> {
        let operation = Operation::random(&mut self.random, &self.state);
        let xid = if operation.writes() { "pg_current_xact_id()::text" } else { "NULL" };
        let sql = format!("SELECT {CLOCK}, {}, {CLOCK}, {xid}", operation.sql());
        match self.client.query_one(&sql, &[]) {
            Ok(row) => {
                let window = Window { from: row.try_get(0)?, to: row.try_get(2)? };
                let found: Option<Value> = row.try_get(1)?;
                self.history.push(format!("{operation:?} -> {found:?}"));
                let xid: Option<String> = row.try_get(3)?;
                Outcome { found, window, xid: xid.unwrap_or_default() }.check(&operation, &mut self.state)
            }
            Err(error) => {
                let message = error.as_db_error().map(ToString::to_string);
                self.history.push(format!("{operation:?} -> {message:?}"));
                let refused = error.code() == Some(&SqlState::INVALID_PARAMETER_VALUE);
                ensure!(refused && check::may_be_refused(&operation, &self.state), "it raises an error");
                if self.frames.is_empty() { Ok(()) } else { self.roll_back() }
            }
        }
    }

    fn run(&mut self, statement: &str) -> Result<()> {
        self.history.push(statement.to_owned());
        Ok(self.client.batch_execute(statement)?)
    }
}

/// Runs a model against `database`, whose cache is as the model begins: empty.
fn compare(client: Client, levels: &'static [&'static str], seed: u64) -> Result<()> {
    let mut run = Run::new(client, levels, seed);
    for number in 0..STEPS {
        run.step().with_context(|| {
            let recent = &run.history[run.history.len().saturating_sub(15)..];
            format!("seed {seed}, step {number}, after\n  {}", recent.join("\n  "))
        })?;
    }
    if !run.frames.is_empty() {
        run.run("COMMIT")?;
    }
    assert!(run.history.len() >= STEPS);
    Ok(())
}

/// A database for each of `seeds`, prepared with `prepare`; `user` runs the model.
fn compare_all(name: &str, seeds: &[u64], levels: &'static [&'static str], user: &str, prepare: &str) -> Result<()> {
    let cluster = SHARED.get(|| server()?.conf("cache_pg.sweep_interval", "100ms").start())?;
    together(seeds.len(), |number| {
        let database = format!("{name}{number}");
        let mut owner = create_database(&cluster, &database)?;
        owner.batch_execute(check::CONFIGURE)?;
        owner.batch_execute(prepare)?;
        compare(cluster.connect_as(user, &database)?, levels, seeds[number])?;
        // Without it the model would have met nothing but live rows and rows that are still there.
        let removed = "SELECT n_tup_del FROM pg_stat_user_tables WHERE relname = 'cache_entries'";
        ensure!(get::<i64>(&mut owner, removed)? > 0, "the worker has removed nothing");
        Ok(())
    })?;
    Ok(())
}

const ROW_SECURITY: &str = "
    GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO public;
    ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY;
    CREATE POLICY all_keys ON cache_entries USING (true);
    GRANT SELECT, INSERT ON cache_tags TO public;
    ALTER TABLE cache_tags ENABLE ROW LEVEL SECURITY;
    CREATE POLICY all_tags ON cache_tags USING (true);
    DO $$BEGIN CREATE ROLE tenant LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN END$$";

const TRIGGER: &str = "
    CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END$$;
    CREATE TRIGGER look BEFORE INSERT OR UPDATE OR DELETE ON cache_entries FOR EACH ROW EXECUTE FUNCTION look()";

#[test]
fn the_cache_is_a_map_with_deadlines() -> Result<()> {
    compare_all("plain", &[1, 2, 3], READ_COMMITTED, "postgres", "")
}

#[test]
fn the_cache_is_a_map_with_deadlines_under_row_security() -> Result<()> {
    compare_all("policy", &[11, 12], READ_COMMITTED, "tenant", ROW_SECURITY)
}

#[test]
fn the_cache_is_a_map_with_deadlines_with_a_trigger() -> Result<()> {
    compare_all("trigger", &[21, 22], READ_COMMITTED, "postgres", TRIGGER)
}

#[test]
fn the_cache_is_a_map_with_deadlines_in_stricter_transactions() -> Result<()> {
    compare_all("stricter", &[31, 32, 33], STRICTER, "postgres", "")
}

#[test]
fn the_cache_is_a_map_with_deadlines_in_stricter_transactions_under_row_security() -> Result<()> {
    compare_all("stricter_policy", &[41, 42], STRICTER, "tenant", ROW_SECURITY)
}
