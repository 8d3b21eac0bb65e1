//! Somebody sets the server's clock: what has expired goes all the same, and nobody waits for longer than was asked.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::process::Command;
use std::thread;

use anyhow::{Result, anyhow};
use cache_pg_server_tests::{PATIENCE, create_extension, get, rows, swift_server, value};
use postgres::Client;
use serde_json::Value;
use tempfile::TempDir;
use xtask::cluster::{Cluster, wait_for};

const HOUR: i64 = 3600;

/// A server whose clock can be set, and what sets it.
struct Clock {
    cluster: Cluster,
    dir: TempDir,
}

impl Clock {
    /// A server whose clock is an hour ahead of the machine's.
    fn ahead() -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("cache_pg.").tempdir_in("/tmp")?;
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755))?;
        let (library, ahead) = (dir.path().join("ahead.so"), dir.path().join("ahead"));
        fs::write(&ahead, HOUR.to_ne_bytes())?;
        fs::set_permissions(&ahead, Permissions::from_mode(0o644))?;
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clock/ahead.c");
        xtask::process::run(Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source))?;
        let cluster = swift_server()?
            .conf("max_prepared_transactions", "2")
            .env("LD_PRELOAD", &library)
            .env("CLOCK_AHEAD", &ahead)
            .start()?;
        Ok(Self { cluster, dir })
    }

    fn set(&self, seconds_ahead: i64) -> Result<()> {
        let file = OpenOptions::new().write(true).open(self.dir.path().join("ahead"))?;
        Ok(file.write_all_at(&seconds_ahead.to_ne_bytes(), 0)?)
    }
}

/// Waits until what expires at once is gone.
fn sweeps(client: &mut Client) -> Result<()> {
    client.batch_execute("SELECT cache_set('short', '1', '1 millisecond')")?;
    gone(client, "short")
}

fn gone(client: &mut Client, key: &str) -> Result<()> {
    wait_for(client, &format!("SELECT NOT EXISTS (SELECT FROM cache_entries WHERE key = '{key}')"), PATIENCE)
}

#[test]
fn what_has_expired_goes_whichever_way_the_clock_is_set() -> Result<()> {
    let clock = Clock::ahead()?;
    let mut client = create_extension(&clock.cluster, "postgres")?;
    client.batch_execute("SELECT cache_set('long', '1', '1 day')")?;
    sweeps(&mut client)?;
    for ahead in [0, HOUR, 0] {
        clock.set(ahead)?;
        sweeps(&mut client)?;
        let lag = "SELECT status = 'ok' FROM cache_health WHERE \"check\" = 'sweep_lag'";
        wait_for(&mut client, lag, PATIENCE)?;
        let lasts = "SELECT last_turn_ms < 60000 AND last_turn_ms >= 0 FROM cache_sweeps";
        assert!(get::<bool>(&mut client, lasts)?);
    }
    assert_eq!(rows(&mut client)?, 1);
    Ok(())
}

#[test]
fn what_nobody_told_of_is_found_after_the_clock_was_set_back() -> Result<()> {
    let clock = Clock::ahead()?;
    let mut client = create_extension(&clock.cluster, "postgres")?;
    client.batch_execute(
        "SELECT cache_set('long', '1', '1 day');
         BEGIN; INSERT INTO cache_entries (key, value, expires_at) VALUES ('late', '1', '2000-01-01');
         PREPARE TRANSACTION 'late'",
    )?;
    sweeps(&mut client)?;
    client.batch_execute("COMMIT PREPARED 'late'")?;
    clock.set(0)?;
    gone(&mut client, "late")
}

#[test]
fn a_lease_that_was_given_in_the_future_holds_nobody_up() -> Result<()> {
    let clock = Clock::ahead()?;
    let mut client = create_extension(&clock.cluster, "postgres")?;
    let token = "SELECT token FROM cache_fetch('k')";
    assert!(value::<String>(&mut client, token)?.is_some());
    assert_eq!(value::<String>(&mut client, token)?, None, "somebody has the lease");
    clock.set(0)?;
    assert!(value::<String>(&mut client, token)?.is_some());
    Ok(())
}

/// Sets the clock back while `call` waits for a key that another transaction computes, and returns what it returns.
fn waits_as_long_as_ever(call: &str) -> Result<Option<Value>> {
    let clock = Clock::ahead()?;
    let mut client = create_extension(&clock.cluster, "postgres")?;
    let mut holder = clock.cluster.connect("postgres")?;
    holder.batch_execute("BEGIN; SELECT cache_fetch('k')")?;
    let mut waiter = clock.cluster.connect("postgres")?;
    let waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event IN ('CacheFill', 'Extension')
                                AND backend_type = 'client backend')";
    thread::scope(|scope| {
        let waited = scope.spawn(move || {
            waiter.batch_execute("SET statement_timeout = '1min'")?;
            value(&mut waiter, call)
        });
        wait_for(&mut client, waits, PATIENCE)?;
        clock.set(0)?;
        waited.join().map_err(|_| anyhow!("it has panicked"))?
    })
}

#[test]
fn a_fetch_waits_no_longer_when_the_clock_is_set_back() -> Result<()> {
    assert_eq!(waits_as_long_as_ever("SELECT value FROM cache_fetch('k', '5 seconds')")?, None);
    Ok(())
}

#[test]
fn a_read_through_waits_no_longer_when_the_clock_is_set_back() -> Result<()> {
    let loaded = waits_as_long_as_ever("SELECT cache_get_or_set('k', 'SELECT ''1''::jsonb')")?;
    assert_eq!(loaded, Some(Value::from(1)));
    Ok(())
}
