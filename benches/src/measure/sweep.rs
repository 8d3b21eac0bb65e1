//! What it costs to remove what has expired, and whether readers feel it.
//!
//! Must never leave the workers switched off.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::contender::{self, Contender, Session, Ttl};
use crate::histogram::Histogram;
use crate::keys::{self, Distribution, Keys};
use crate::load::{self, Fresh, Turn};
use crate::operation::Operation;
use crate::plan::{Plan, grouped};
use crate::random::Random;
use crate::servers::postgres::Postgres;
use crate::statistics::median;
use crate::values::Values;

/// How many rows are removed at a time: `cache_pg.sweep_batch_size`.
const BATCH: u32 = 1000;

/// How many clients read meanwhile.
const READERS: usize = 4;

/// How often reads beside the workers are looked at.
const LOOKS: u32 = 3;

/// So many sets a second the workers have to keep up with.
const PACE: u64 = 5000;

const SPACE: &str = "sweep";

/// One contender's sweep of rows that had expired, as fast as it can.
#[derive(Clone, Debug)]
pub struct Swept {
    /// Whose.
    pub contender: &'static str,
    /// How many rows were removed.
    pub rows: u64,
    /// Rows a second.
    pub rate: f64,
    /// The longest batch.
    pub longest: Duration,
    /// Bytes of WAL for a row, without full-page images.
    pub wal: f64,
}

/// How long reads take beside something else, and without.
#[derive(Clone, Debug)]
pub struct Watched {
    /// What goes on besides.
    pub beside: String,
    /// Half of the reads, and all but a hundredth, took so long at most: without it.
    pub without: (Duration, Duration),
    /// The same with it.
    pub with: (Duration, Duration),
}

/// Sweeps by hand: the workers rest.
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
    say(&format!("reading beside {} sets a second and the workers", grouped(PACE)));
    watched.push(steady(postgres, plan, &values)?);
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

    /// Reads, first with nothing else going on, then until a sweep has removed all that had expired.
    fn watch(&self) -> Result<Watched> {
        let mut sweeper = self.prepare()?;
        let mut readers = readers(self.contender, SPACE)?;
        let stop = AtomicBool::new(false);
        let without = self.read(&mut readers, &stop, self.plan.watch / 10, None)?;
        // A sweep may be over before a reader has warmed up: they begin together.
        let both_begin = Barrier::new(READERS + 1);
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
        let beside = format!("{}: a sweep as fast as it can", self.contender.name());
        Ok(Watched { beside, without: both(&without), with: both(&with) })
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
        read(readers, self.plan.watched, self.values, stop, limit, beside)
    }
}

/// Removes what is due, batch by batch: how many rows, in what time, and the longest batch.
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

/// Reads beside a steady load of sets: of entries that outlive the run, and of such that the workers have to remove, in
/// turns. What is shown are medians over the rounds.
fn steady(postgres: &Arc<Postgres>, plan: &Plan, values: &Values) -> Result<Watched> {
    let [contender, _] = contender::on_postgres(postgres);
    let short = if plan.watch < Duration::from_secs(30) { Ttl::SECOND } else { Ttl::TEN_SECONDS };
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..LOOKS {
        without.push(look(contender.as_ref(), plan, values, Ttl::DAY, short)?);
        with.push(look(contender.as_ref(), plan, values, short, short)?);
    }
    let beside = format!("{}: workers that keep up with {} sets/s of {}", contender.name(), grouped(PACE), short.text);
    Ok(Watched { beside, without: medians(&without), with: medians(&with) })
}

/// Reads beside sets of entries that live for `ttl`, from `settled` on: until the first ones expire there is nothing to
/// see.
fn look(
    contender: &dyn Contender,
    plan: &Plan,
    values: &Values,
    ttl: Ttl,
    settled: Ttl,
) -> Result<(Duration, Duration)> {
    let mut feeder = super::filled(contender, SPACE, plan.watched, values)?;
    let mut readers = readers(contender, SPACE)?;
    let stop = AtomicBool::new(false);
    let times = thread::scope(|scope| {
        let feeding = scope.spawn(|| feed(feeder.as_mut(), values, ttl, &stop));
        thread::sleep(plan.watch.min(Duration::from_secs(u64::from(settled.seconds))));
        let times = read(&mut readers, plan.watched, values, &AtomicBool::new(false), plan.watch / LOOKS / 2, None);
        stop.store(true, Ordering::Relaxed);
        feeding.join().ok().context("the feeder has panicked")??;
        times
    })?;
    drop((feeder, readers));
    contender.remove(SPACE)?;
    Ok(both(&times))
}

fn medians(looks: &[(Duration, Duration)]) -> (Duration, Duration) {
    let of = |pick: fn(&(Duration, Duration)) -> Duration| {
        let seconds: Vec<_> = looks.iter().map(|look| pick(look).as_secs_f64()).collect();
        Duration::from_secs_f64(median(&seconds).unwrap_or_default())
    };
    (of(|look| look.0), of(|look| look.1))
}

/// Stores new keys at the pace of [`PACE`] until it is told to stop.
fn feed(session: &mut dyn Session, values: &Values, ttl: Ttl, stop: &AtomicBool) -> Result<()> {
    let mut random = Random::new(1);
    let mut key = String::new();
    let start = Instant::now();
    for number in 0.. {
        let due = start + Duration::from_nanos(number * 1_000_000_000 / PACE);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if stop.load(Ordering::Relaxed) {
            break;
        }
        keys::named("brief", number, &mut key);
        session.set(&key, values.next(&mut random), ttl)?;
    }
    Ok(())
}

fn readers(contender: &dyn Contender, space: &str) -> Result<Vec<Box<dyn Session>>> {
    (0..READERS).map(|_| contender.connect(space)).collect()
}

fn read(
    readers: &mut [Box<dyn Session>],
    keys: u64,
    values: &Values,
    stop: &AtomicBool,
    limit: Duration,
    beside: Option<&Barrier>,
) -> Result<Histogram> {
    let keys = Keys::new(keys, Distribution::Uniform);
    let turn =
        Turn { operation: Operation::GetHit, keys: &keys, values, fresh: &Fresh::default(), limit, stop, beside };
    Ok(load::take(readers, turn)?.times)
}

fn both(times: &Histogram) -> (Duration, Duration) {
    (times.percentile(0.5), times.percentile(0.99))
}
