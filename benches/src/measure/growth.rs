//! Owns the cost of a read as the cache grows.
//!
//! Must never measure one size after the other: all caches of a contender exist at once, and take turns.

use std::{sync::Arc, sync::atomic::AtomicBool, time::Duration};

use anyhow::Result;

use crate::contender::{self, Contender, Session};
use crate::keys::{Distribution, Keys};
use crate::load::{self, Fresh, Turn};
use crate::plan::{Plan, grouped};
use crate::{operation::Operation, random::Random, servers::postgres::Postgres, values::Values};

/// The number of reads whose pages are counted.
const COUNTED: u64 = 1000;

/// One contender's reads of a cache of one size.
#[derive(Clone, Debug)]
pub struct Growth {
    /// The contender.
    pub contender: &'static str,
    /// How many entries there are.
    pub entries: u64,
    /// Reads a second of one client, for each round.
    pub rates: Vec<f64>,
    /// How many pages of the table and its indexes one read accesses.
    pub pages: f64,
}

/// Measures all sizes of the plan.
///
/// # Errors
/// When a request fails or gets a wrong answer.
pub fn measure(postgres: &Arc<Postgres>, plan: &Plan, say: &dyn Fn(&str)) -> Result<Vec<Growth>> {
    let values = Values::new(plan.main_setting().value);
    // The contenders are also compared by pages.
    postgres.configure("cache_pg.max_workers", "0")?;
    let mut measured = Vec::new();
    for contender in contender::on_postgres(postgres) {
        measured.extend(sizes_of(postgres, contender.as_ref(), plan, &values, say)?);
    }
    postgres.configure("cache_pg.max_workers", "3")?;
    Ok(measured)
}

/// Measures all sizes of one contender. With those of another they might not fit into the shared buffers.
fn sizes_of(
    postgres: &Postgres,
    contender: &dyn Contender,
    plan: &Plan,
    values: &Values,
    say: &dyn Fn(&str),
) -> Result<Vec<Growth>> {
    let name = contender.name();
    let mut players = Vec::new();
    for &entries in &plan.growth {
        say(&format!("filling {name} with {} entries", grouped(entries)));
        let space = format!("growth {entries}");
        let session = super::filled(contender, &space, entries, values)?;
        let keys = Keys::new(entries, Distribution::Uniform);
        let pages = pages(postgres, contender, &space, &keys)?;
        players.push((Growth { contender: name, entries, rates: Vec::new(), pages }, keys, session, space));
    }
    for round in 0..plan.rounds {
        say(&format!("reading from {name} of every size, round {} of {}", round + 1, plan.rounds));
        for (growth, keys, session, _) in &mut players {
            growth.rates.push(turn(session, keys, values, plan.turn_alone)?);
        }
    }
    let mut measured = Vec::new();
    for (growth, _, session, space) in players {
        drop(session);
        contender.remove(&space)?;
        measured.push(growth);
    }
    Ok(measured)
}

fn turn(session: &mut Box<dyn Session>, keys: &Keys, values: &Values, limit: Duration) -> Result<f64> {
    let (fresh, stop) = (Fresh::default(), AtomicBool::new(false));
    let turn = Turn { operation: Operation::GetHit, keys, values, fresh: &fresh, limit, stop: &stop, beside: None };
    Ok(load::take(std::slice::from_mut(session), turn)?.rate)
}

/// How many pages one read accesses. A session reports its counts when it ends.
fn pages(postgres: &Postgres, contender: &dyn Contender, space: &str, keys: &Keys) -> Result<f64> {
    let Some((database, table)) = contender.table(space) else { return Ok(0.0) };
    let looked_at = || -> Result<i64> {
        let sql = "SELECT coalesce(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read, 0)
                   FROM pg_statio_user_tables WHERE relname = $1";
        Ok(postgres.client(&database)?.query_one(sql, &[&table])?.try_get(0)?)
    };
    let before = looked_at()?;
    let mut session = contender.connect(space)?;
    let mut random = Random::new(1);
    let (mut key, mut value) = (String::new(), Vec::new());
    for _ in 0..COUNTED {
        crate::keys::spell(keys.next(&mut random), &mut key);
        session.get(&key, &mut value)?;
    }
    let process = session.process();
    drop(session);
    postgres.wait_gone(process)?;
    Ok((looked_at()? - before) as f64 / COUNTED as f64)
}
