//! Owns the measurements that repeat exactly, or nearly: WAL, HOT updates and growth, over ten updates of each key.
//!
//! Must never depend on the clock.

use std::sync::Arc;

use anyhow::Result;

use crate::contender::{Contender, Session, Ttl};
use crate::keys::{self, Distribution, Keys};
use crate::plan::{Plan, grouped};
use crate::{random::Random, servers::postgres::Postgres, values::Values};

/// How often each key is updated.
const UPDATES: u64 = 10;

const SPACE: &str = "counted";

/// The counts of one contender.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The contender.
    pub contender: &'static str,
    /// Bytes of WAL for a set of an existing key, without full-page images.
    pub wal: f64,
    /// The same for values that take as many bytes as jsonb as the plan's values do as text.
    pub wal_stored: f64,
    /// The share of HOT updates.
    pub hot: f64,
    /// The size of the table compared with that after filling; 1: it has not grown.
    pub table: f64,
    /// The same for its indexes.
    pub indexes: f64,
}

/// Counts for every contender that has a table.
///
/// # Errors
/// When a request fails.
pub fn measure(
    postgres: &Arc<Postgres>,
    contenders: &[Box<dyn Contender>],
    plan: &Plan,
    say: &dyn Fn(&str),
) -> Result<Vec<Counted>> {
    let mut counted = Vec::new();
    for contender in contenders {
        if let Some((database, table)) = contender.table(SPACE) {
            say(&format!(
                "counting what {UPDATES} updates of {} keys cost {}",
                grouped(plan.counted),
                contender.name()
            ));
            counted.push(count(postgres, contender.as_ref(), (&database, table), plan)?);
            contender.remove(SPACE)?;
        }
    }
    Ok(counted)
}

fn count(
    postgres: &Postgres,
    contender: &dyn Contender,
    (database, table): (&str, &str),
    plan: &Plan,
) -> Result<Counted> {
    let values = Values::new(plan.main_setting().value);
    let keys = Keys::new(plan.counted, Distribution::Uniform);
    drop(super::filled(contender, SPACE, plan.counted, &values)?);
    let mut client = postgres.client(database)?;
    // Sessions that do not wait for the disk write the same WAL, only later.
    client.batch_execute(&format!("ALTER DATABASE \"{database}\" SET synchronous_commit = off; CHECKPOINT"))?;
    let sizes = |client: &mut postgres::Client| -> Result<(f64, f64)> {
        let sql = "SELECT pg_table_size($1::text::regclass)::float8, pg_indexes_size($1::text::regclass)::float8";
        let row = client.query_one(sql, &[&table])?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    };
    let before = sizes(&mut client)?;
    let updates_before = updates(postgres, database, table)?;

    let mut session = contender.connect(SPACE)?;
    let wal = wal_of_a_set(postgres, session.as_mut(), &keys, &values)?;
    let after = sizes(&mut client)?;
    let stored = Values::stored(plan.main_setting().value);
    let wal_stored = wal_of_a_set(postgres, session.as_mut(), &keys, &stored)?;
    let process = session.process();
    drop(session);
    postgres.wait_gone(process)?;

    let (all, hot) = updates(postgres, database, table)?;
    Ok(Counted {
        contender: contender.name(),
        wal,
        wal_stored,
        hot: (hot - updates_before.1) as f64 / (all - updates_before.0).max(1) as f64,
        table: after.0 / before.0,
        indexes: after.1 / before.1,
    })
}

/// Bytes of WAL for a set, without full-page images, over all but the first of the updates of each key.
fn wal_of_a_set(postgres: &Postgres, session: &mut dyn Session, keys: &Keys, values: &Values) -> Result<f64> {
    let mut random = Random::new(1);
    let mut key = String::new();
    // The first update of each key writes the full-page images that follow the checkpoint.
    for number in 0..keys.count() {
        keys::spell(number, &mut key);
        session.set(&key, values.next(&mut random), Ttl::DAY)?;
    }
    let start = postgres.wal_end()?;
    let sets = keys.count() * (UPDATES - 1);
    for _ in 0..sets {
        keys::spell(keys.next(&mut random), &mut key);
        session.set(&key, values.next(&mut random), Ttl::DAY)?;
    }
    let wal = postgres.wal_between(&start, &postgres.wal_end()?)?;
    Ok(wal.records as f64 / sets as f64)
}

/// How many rows were updated, and how many of these by HOT updates.
fn updates(postgres: &Postgres, database: &str, table: &str) -> Result<(i64, i64)> {
    let sql = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = $1";
    let row = postgres.client(database)?.query_one(sql, &[&table])?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}
