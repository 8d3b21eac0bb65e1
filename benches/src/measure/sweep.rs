//! Owns the cost of removing expired entries, and its effect on readers.
//!
//! Must never leave the workers switched off.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::readers::{self, Watched};
use super::steady;
use crate::contender::{self, Contender, Session, Ttl};
use crate::plan::{Plan, grouped};
use crate::{histogram::Histogram, servers::postgres::Postgres, values::Values};

/// How many rows are removed at a time: `cache_pg.sweep_batch_size`.
const BATCH: u32 = 1000;

const SPACE: &str = "sweep";

/// One contender's sweep of expired rows at full speed.
#[derive(Clone, Debug)]
pub struct Swept {
    /// The contender.
    pub contender: &'static str,
    /// How many rows were removed.
    pub rows: u64,
    /// Rows a second.
    pub rate: f64,
    /// The time of the longest batch.
    pub longest: Duration,
    /// Bytes of WAL for a row, without full-page images.
    pub wal: f64,
}

/// Sweeps on request, with the workers switched off.
///
/// # Errors
/// When a request fails.
pub fn measure(postgres: &Arc<Postgres>, plan: &Plan, say: &dyn Fn(&str)) -> Result<(Vec<Swept>, Vec<Watched>)> {
    postgres.configure("cache_pg.max_workers", "0")?;
    let values = Values::new(plan.main_setting().value);
    let (mut swept, mut watched) = (Vec::new(), Vec::new());
    for contender in contender::on_postgres(postgres) {
        say(&format!("sweeping {} expired rows of {}", grouped(plan.swept), contender.name()));
        let expired = Expired { postgres, contender: contender.as_ref(), values: &values, plan };
        swept.push(expired.sweep()?);
        say(&format!("reading from {} beside a sweep", contender.name()));
        watched.push(expired.watch()?);
    }
    postgres.configure("cache_pg.max_workers", "3")?;
    say(&format!("reading beside {} sets a second and the workers", grouped(steady::PACE)));
    watched.push(steady::measure(postgres, plan, &values)?);
    Ok((swept, watched))
}

struct Expired<'a> {
    postgres: &'a Postgres,
    contender: &'a dyn Contender,
    values: &'a Values,
    plan: &'a Plan,
}

impl Expired<'_> {
    fn sweep(&self) -> Result<Swept> {
        let mut session = self.prepare()?;
        let wal_start = self.postgres.wal_end()?;
        let (rows, took, longest) = sweep_all(session.as_mut())?;
        let wal = self.postgres.wal_between(&wal_start, &self.postgres.wal_end()?)?;
        drop(session);
        self.contender.remove(SPACE)?;
        Ok(Swept {
            contender: self.contender.name(),
            rows,
            rate: rows as f64 / took.as_secs_f64(),
            longest,
            wal: wal.records as f64 / rows.max(1) as f64,
        })
    }

    /// Measures reads, first without other work, then until a sweep has removed all expired entries.
    fn watch(&self) -> Result<Watched> {
        let mut sweeper = self.prepare()?;
        let mut readers = readers::connect(self.contender, SPACE)?;
        let stop = AtomicBool::new(false);
        let without = self.read(&mut readers, &stop, self.plan.watch / 10, None)?;
        // A sweep may end before a reader has warmed up, so they begin together.
        let both_begin = Barrier::new(readers::READERS + 1);
        let with = thread::scope(|scope| {
            let sweeping = scope.spawn(|| {
                both_begin.wait();
                let swept = sweep_all(sweeper.as_mut());
                stop.store(true, Ordering::Relaxed);
                swept
            });
            let with = self.read(&mut readers, &stop, Duration::from_secs(600), Some(&both_begin));
            sweeping.join().ok().context("the sweep has panicked")??;
            with
        })?;
        drop((sweeper, readers));
        self.contender.remove(SPACE)?;
        let beside = format!("{}: a sweep at full speed", self.contender.name());
        Ok(Watched { beside, without: readers::both(&without), with: readers::both(&with) })
    }

    /// A cache with live keys to read and expired ones to sweep.
    fn prepare(&self) -> Result<Box<dyn Session>> {
        let mut session = super::filled(self.contender, SPACE, self.plan.watched, self.values)?;
        super::fill(session.as_mut(), "brief", self.plan.swept, self.values, Ttl::SECOND)?;
        self.contender.settle(SPACE)?;
        let (database, table) = self.contender.table(SPACE).context("there is no table to sweep")?;
        let expired =
            format!("SELECT count(*) = {} FROM {table} WHERE expires_at <= clock_timestamp()", self.plan.swept);
        self.postgres.wait_for(&database, &expired, Duration::from_secs(60))?;
        self.postgres.client(&database)?.batch_execute("CHECKPOINT")?;
        Ok(session)
    }

    fn read(
        &self,
        readers: &mut [Box<dyn Session>],
        stop: &AtomicBool,
        limit: Duration,
        beside: Option<&Barrier>,
    ) -> Result<Histogram> {
        readers::read(readers, self.plan.watched, self.values, stop, limit, beside)
    }
}

/// Removes expired entries batch by batch; returns the number of rows, the time, and the longest batch.
fn sweep_all(session: &mut dyn Session) -> Result<(u64, Duration, Duration)> {
    let (mut rows, mut longest) = (0, Duration::ZERO);
    let start = Instant::now();
    loop {
        let before = Instant::now();
        let removed = session.sweep(BATCH)?;
        if removed == 0 {
            return Ok((rows, before - start, longest));
        }
        longest = longest.max(before.elapsed());
        rows += removed;
    }
}
