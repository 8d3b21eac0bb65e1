//! The fuzzer: every function with hostile arguments, hostile rows, policies and triggers that come and go, cancels and
//! kills, by several sessions of several roles at once, on a primary and on its standby.
//!
//! Must never know the extension's functions by name: it asks the server which there are.

mod act;
mod arguments;
mod function;
mod judge;
mod killer;
mod session;
mod tally;
mod text;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use cache_pg_server_tests::{create_extension, server};
use postgres::Client;
use xtask::cluster::Cluster;

pub use function::{Function, functions};
pub use judge::{CANNOT_CHECK, judge};
pub use tally::Tally;

/// The database that is fuzzed.
pub const DATABASE: &str = "postgres";

/// The roles that sessions are of, with what each is granted. Superusers come as `postgres`.
const ROLES: [(&str, &str); 5] = [
    ("fuzz_app", "GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO fuzz_app"),
    (
        "fuzz_all",
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO fuzz_all; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO fuzz_all;
         GRANT CREATE ON SCHEMA public TO fuzz_all",
    ),
    ("fuzz_reader", "GRANT SELECT ON cache_entries TO fuzz_reader; GRANT pg_monitor TO fuzz_reader"),
    ("fuzz_tenant", "GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO fuzz_tenant; GRANT SELECT, INSERT ON cache_tags TO fuzz_tenant"),
    ("fuzz_nobody", ""),
];

/// What the owner puts there before it begins: tables to watch, loaders, and policies that are not yet in force.
const PREPARATION: &str = "
    CREATE TABLE menu (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
    CREATE TABLE menu_low PARTITION OF menu FOR VALUES FROM (MINVALUE) TO (100);
    CREATE TABLE menu_high PARTITION OF menu FOR VALUES FROM (100) TO (MAXVALUE);
    CREATE TABLE plain (id int, name text);
    CREATE VIEW seen AS SELECT id FROM plain;
    CREATE SEQUENCE counted;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO fuzz_all;
    GRANT SELECT, INSERT, UPDATE, DELETE ON menu, plain TO fuzz_app, fuzz_tenant;
    ALTER TABLE plain OWNER TO fuzz_all;
    CREATE FUNCTION load_one(text) RETURNS jsonb LANGUAGE sql STABLE AS $$SELECT to_jsonb($1)$$;
    CREATE FUNCTION load_error(text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$BEGIN RAISE 'no'; END$$;
    CREATE FUNCTION load_null(text) RETURNS jsonb LANGUAGE sql STABLE AS $$SELECT NULL::jsonb$$;
    CREATE FUNCTION load_deep(key text) RETURNS jsonb LANGUAGE sql STABLE AS $$SELECT cache_get_or_set(key || 'x', 'SELECT 1')$$;
    CREATE FUNCTION load_odd(text) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 4096::bigint';
    CREATE FUNCTION fuzz_trigger() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
        IF random() < 0.1 THEN RAISE 'the trigger says no'; END IF;
        RETURN CASE WHEN random() < 0.1 THEN NULL ELSE coalesce(NEW, OLD) END;
    END$$;
    CREATE POLICY fuzz_entries ON cache_entries TO fuzz_tenant, fuzz_app
        USING (key LIKE 'a%' OR key LIKE 't%') WITH CHECK (key LIKE 'a%');
    CREATE POLICY fuzz_tags ON cache_tags TO fuzz_tenant USING (tag LIKE 'a%') WITH CHECK (tag LIKE 'a%' OR tag LIKE E'\\\\x01a%');
    SELECT cache_watch('menu', ARRAY['a:menu:{id}'], ARRAY['menu', 'a{id}'])";

/// How a run went.
#[derive(Debug)]
pub struct Run {
    /// The server.
    pub primary: Cluster,
    /// Its standby.
    pub standby: Cluster,
    /// What was called, and what came of it.
    pub tally: Tally,
    /// How many backends were killed as by the kernel; each restarts the server.
    pub kills: usize,
    /// How long it took.
    pub took: Duration,
}

/// Fuzzes for `seconds` with chance from `seed`.
///
/// # Errors
/// When the server cannot be had, does not come back after a kill, or a session panics.
pub fn fuzz(seconds: u64, seed: u64) -> Result<Run> {
    let primary = server()?
        .conf("log_line_prefix", crate::log::PREFIX)
        .conf("cache_pg.sweep_interval", "1s")
        .conf("cache_pg.lease", "500ms")
        .conf("cache_pg.max_entries", "3000")
        .conf("cache_pg.track_namespaces", "20")
        .conf("max_prepared_transactions", "10")
        .conf("temp_file_limit", "100MB")
        .start()?;
    let mut owner = create_extension(&primary, DATABASE)?;
    prepare(&mut owner)?;
    let functions = functions(&mut owner)?;
    let standby = primary.standby()?;
    let (over, start) = (AtomicBool::new(false), Instant::now());
    let (tally, kills) = thread::scope(|scope| {
        let sessions: Vec<_> = (0..=session::STANDBY)
            .map(|number| {
                let (over, functions) = (&over, &functions);
                let cluster = if number == session::STANDBY { &standby } else { &primary };
                scope.spawn(move || session::run(cluster, functions, seed, number, over))
            })
            .collect();
        let killer = scope.spawn(|| killer::run(&primary, seed, &over));
        thread::sleep(Duration::from_secs(seconds));
        over.store(true, Ordering::Relaxed);
        let mut tally = Tally::default();
        for session in sessions {
            tally.add(session.join().map_err(|_| anyhow!("a session panicked"))??);
        }
        Ok::<_, anyhow::Error>((tally, killer.join().map_err(|_| anyhow!("the killer panicked"))??))
    })?;
    Ok(Run { primary, standby, tally, kills, took: start.elapsed() })
}

fn prepare(owner: &mut Client) -> Result<()> {
    for (role, _) in ROLES {
        owner.batch_execute(&format!("CREATE ROLE {role} LOGIN"))?;
    }
    owner.batch_execute(PREPARATION)?;
    for (_, grants) in ROLES {
        owner.batch_execute(grants)?;
    }
    Ok(())
}
