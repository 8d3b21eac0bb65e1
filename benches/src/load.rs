//! Owns one turn of one contender: clients, each a thread with a connection, that send requests back to back.
//!
//! Must never count a wrong answer: a miss where there must be a hit is an error.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};
use std::{sync::Barrier, thread};

use anyhow::{Context, Result, bail};

use crate::affinity::{self, Pinned};
use crate::contender::{Session, Ttl};
use crate::keys::{self, Keys};
use crate::operation::{MANY, Operation};
use crate::random::{Random, mixed};
use crate::{histogram::Histogram, values::Values};

/// How many counters are incremented.
pub const COUNTERS: u64 = 1000;

/// The namespace of the counters.
pub const COUNTER: &str = "count";

/// Each client sends requests for this part of its turn before measurement starts, so that plans are made, relations
/// open, and the processor's caches warm.
const WARM_UP: u32 = 4;

/// The distance between the keys of a request for many. It is prime, so the keys are distinct.
const STRIDE: u64 = 7919;

/// The requests of a turn.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// Their kind.
    pub operation: Operation,
    /// The existing keys.
    pub keys: &'a Keys,
    /// The values to store.
    pub values: &'a Values,
    /// The new keys.
    pub fresh: &'a Fresh,
    /// The length of the turn.
    pub limit: Duration,
    /// Ends the turn early.
    pub stop: &'a AtomicBool,
    /// Starts other work together with the clients, which have warmed up in an earlier turn.
    pub beside: Option<&'a Barrier>,
}

/// The keys that [`Operation::SetNew`] adds and [`Operation::Delete`] deletes.
#[derive(Debug, Default)]
pub struct Fresh {
    set: AtomicU64,
    deleted: AtomicU64,
}

/// The result of a turn.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Keys a second of all clients together.
    pub rate: f64,
    /// The times of the requests.
    pub times: Histogram,
    /// The server's processor time for each request; known for a single client only.
    pub cpu: Option<Duration>,
}

/// Runs a turn with one client for each of `sessions`. A single client shares a processor with its server; see
/// [`affinity`].
///
/// # Errors
/// When a request fails or gets a wrong answer.
pub fn take(sessions: &mut [Box<dyn Session>], turn: Turn<'_>) -> Result<Outcome> {
    let alone = sessions.len() == 1;
    let barrier = Barrier::new(sessions.len());
    thread::scope(|scope| {
        let clients: Vec<_> = sessions
            .iter_mut()
            .enumerate()
            .map(|(number, session)| {
                let barrier = &barrier;
                scope.spawn(move || {
                    let pinned = alone.then(|| Pinned::together_with(session.process()));
                    let outcome = Client::new(session.as_mut(), turn, number).run(barrier, alone);
                    drop(pinned);
                    outcome
                })
            })
            .collect();
        let mut total = Outcome::default();
        for client in clients {
            let outcome = client.join().ok().context("a client has panicked")??;
            total.rate += outcome.rate;
            total.times.merge(&outcome.times);
            total.cpu = outcome.cpu;
        }
        Ok(total)
    })
}

struct Client<'a> {
    session: &'a mut dyn Session,
    turn: Turn<'a>,
    random: Random,
    key: String,
    keys: Vec<String>,
    value: Vec<u8>,
}

impl<'a> Client<'a> {
    fn new(session: &'a mut dyn Session, turn: Turn<'a>, number: usize) -> Self {
        // Two turns must not request the same keys in the same order.
        let now = UNIX_EPOCH.elapsed().unwrap_or_default();
        let random = Random::new(mixed(now.as_nanos() as u64 + number as u64));
        Self { session, turn, random, key: String::new(), keys: vec![String::new(); MANY], value: Vec::new() }
    }

    fn run(&mut self, barrier: &Barrier, alone: bool) -> Result<Outcome> {
        let warmed = if self.turn.beside.is_some() { Ok(()) } else { self.warm_up() };
        barrier.wait();
        warmed?;
        if let Some(beside) = self.turn.beside {
            beside.wait();
        }
        let cpu = || affinity::cpu_time(self.session.process()).filter(|_| alone);
        let cpu_before = cpu();
        let mut times = Histogram::default();
        let start = Instant::now();
        let mut last = start;
        // At least once, however short the turn is.
        while self.request()? {
            let now = Instant::now();
            times.record(now - last);
            last = now;
            if last - start >= self.turn.limit || self.turn.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        let seconds = (last - start).as_secs_f64();
        let requests = times.count();
        let cpu_after = affinity::cpu_time(self.session.process());
        let cpu = cpu_before.zip(cpu_after).filter(|_| requests > 0);
        Ok(Outcome {
            rate: if requests > 0 { requests as f64 * self.turn.operation.keys() as f64 / seconds } else { 0.0 },
            times,
            cpu: cpu.map(|(before, after)| Duration::from_nanos(after.saturating_sub(before) / requests)),
        })
    }

    /// Sends requests that do not count. It sends no deletes, which would leave fewer keys to delete.
    fn warm_up(&mut self) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < self.turn.limit / WARM_UP && !self.turn.stop.load(Ordering::Relaxed) {
            match self.turn.operation {
                Operation::Delete => self.get_hit()?,
                _ => self.request().map(drop)?,
            }
        }
        Ok(())
    }

    /// Sends one request. False when no key is left for it.
    fn request(&mut self) -> Result<bool> {
        match self.turn.operation {
            Operation::GetHit => self.get_hit()?,
            Operation::GetMiss => {
                keys::named("absent", self.turn.keys.next(&mut self.random), &mut self.key);
                if self.session.get(&self.key, &mut self.value)? {
                    bail!("{} exists, and should not", self.key);
                }
            }
            Operation::GetMany => {
                self.spell_many();
                let found = self.session.get_many(&self.keys)?;
                if found != MANY {
                    bail!("{found} of {MANY} keys were found");
                }
            }
            Operation::SetNew => {
                keys::named("new", self.turn.fresh.set.fetch_add(1, Ordering::Relaxed), &mut self.key);
                let value = self.turn.values.next(&mut self.random);
                self.session.set(&self.key, value, Ttl::DAY)?;
            }
            Operation::SetExisting => self.set_existing()?,
            Operation::SetMany => {
                self.spell_many();
                self.keys.sort_unstable();
                let values: Vec<_> = (0..MANY).map(|_| self.turn.values.next(&mut self.random)).collect();
                self.session.set_many(&self.keys, &values, Ttl::DAY)?;
            }
            Operation::Delete => return self.delete(),
            Operation::Incr => {
                keys::named(COUNTER, self.random.below(COUNTERS), &mut self.key);
                self.session.incr(&self.key)?;
            }
            Operation::Mixed if self.random.below(10) == 0 => self.set_existing()?,
            Operation::Mixed => self.get_hit()?,
        }
        Ok(true)
    }

    fn get_hit(&mut self) -> Result<()> {
        keys::spell(self.turn.keys.next(&mut self.random), &mut self.key);
        if !self.session.get(&self.key, &mut self.value)? {
            bail!("{} does not exist", self.key);
        }
        Ok(())
    }

    fn set_existing(&mut self) -> Result<()> {
        keys::spell(self.turn.keys.next(&mut self.random), &mut self.key);
        let value = self.turn.values.next(&mut self.random);
        self.session.set(&self.key, value, Ttl::DAY)
    }

    fn delete(&mut self) -> Result<bool> {
        let fresh = self.turn.fresh;
        let next = fresh.deleted.fetch_add(1, Ordering::Relaxed);
        if next >= fresh.set.load(Ordering::Relaxed) {
            fresh.deleted.fetch_sub(1, Ordering::Relaxed);
            return Ok(false);
        }
        keys::named("new", next, &mut self.key);
        self.session.delete(&self.key)?;
        Ok(true)
    }

    fn spell_many(&mut self) {
        let first = self.turn.keys.next(&mut self.random);
        for (at, key) in self.keys.iter_mut().enumerate() {
            keys::spell((first + at as u64 * STRIDE) % self.turn.keys.count(), key);
        }
    }
}
