//! Owns the times of reads beside a steady load of sets, which the workers of the extension keep up with.
//!
//! Must never switch the workers on or off.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{sync::Arc, thread};

use anyhow::{Context, Result};

use super::readers::{self, Watched};
use crate::contender::{self, Contender, Session, Ttl};
use crate::plan::{Plan, grouped};
use crate::{keys, random::Random, servers::postgres::Postgres, statistics::median, values::Values};

/// How many rounds of reads beside the workers are measured.
const LOOKS: u32 = 3;

/// The number of sets a second that the workers have to keep up with.
pub const PACE: u64 = 5000;

const SPACE: &str = "steady";

/// Measures reads beside a steady load of sets: of entries that outlive the run, and of entries that the workers have
/// to remove, in turns. The results are medians over the rounds.
///
/// # Errors
/// When a request fails or gets a wrong answer.
pub fn measure(postgres: &Arc<Postgres>, plan: &Plan, values: &Values) -> Result<Watched> {
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

/// Measures reads beside sets of entries that live for `ttl`, from `settled` on: no entry expires before that.
fn look(
    contender: &dyn Contender,
    plan: &Plan,
    values: &Values,
    ttl: Ttl,
    settled: Ttl,
) -> Result<(Duration, Duration)> {
    let mut feeder = super::filled(contender, SPACE, plan.watched, values)?;
    let mut readers = readers::connect(contender, SPACE)?;
    let stop = AtomicBool::new(false);
    let times = thread::scope(|scope| {
        let feeding = scope.spawn(|| feed(feeder.as_mut(), values, ttl, &stop));
        thread::sleep(plan.watch.min(Duration::from_secs(u64::from(settled.seconds))));
        let times =
            readers::read(&mut readers, plan.watched, values, &AtomicBool::new(false), plan.watch / LOOKS / 2, None);
        stop.store(true, Ordering::Relaxed);
        feeding.join().ok().context("the feeder has panicked")??;
        times
    })?;
    drop((feeder, readers));
    contender.remove(SPACE)?;
    Ok(readers::both(&times))
}

/// Stores new keys at the rate [`PACE`] until it is told to stop.
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

fn medians(looks: &[(Duration, Duration)]) -> (Duration, Duration) {
    let of = |pick: fn(&(Duration, Duration)) -> Duration| {
        let seconds: Vec<_> = looks.iter().map(|look| pick(look).as_secs_f64()).collect();
        Duration::from_secs_f64(median(&seconds).unwrap_or_default())
    };
    (of(|look| look.0), of(|look| look.1))
}
