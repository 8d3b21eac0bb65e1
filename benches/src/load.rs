//! One turn of one contender: some clients, each a thread with a connection, that ask as fast as they are answered.
//!
//! Must never count a request that was not answered as it must be: a miss where there must be a hit is an error.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::affinity::{self, Pinned};
use crate::contender::{Session, Ttl};
use crate::histogram::Histogram;
use crate::keys::{self, Keys};
use crate::operation::{MANY, Operation};
use crate::random::{Random, mixed};
use crate::values::Values;

/// So many counters are counted up.
pub const COUNTERS: u64 = 1000;

/// The namespace of the counters.
pub const COUNTER: &str = "count";

/// Each client asks for this part of its turn before the clock runs: plans are made, relations opened, and the
/// processor's caches hold what is this contender's again.
const WARM_UP: u32 = 4;

/// Neighbours in a request for many are so far apart: it is prime, so the keys are distinct.
const STRIDE: u64 = 7919;

/// What is asked in a turn.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// Of what kind.
    pub operation: Operation,
    /// Which keys are there.
    pub keys: &'a Keys,
    /// What is stored.
    pub values: &'a Values,
    /// Which new keys there are.
    pub fresh: &'a Fresh,
    /// For how long.
    pub limit: Duration,
    /// Ends the turn before its time.
    pub stop: &'a AtomicBool,
    /// Where something waits that begins when the clients do, which have warmed up in an earlier turn.
    pub beside: Option<&'a Barrier>,
}

/// The keys that [`Operation::SetNew`] adds and [`Operation::Delete`] deletes.
#[derive(Debug, Default)]
pub struct Fresh {
    set: AtomicU64,
    deleted: AtomicU64,
}

/// What came of a turn.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Keys a second, of all clients together.
    pub rate: f64,
    /// How long requests took.
    pub times: Histogram,
    /// The server's processor time for each request; known of a single client only.
    pub cpu: Option<Duration>,
}

/// Lets each of `sessions` ask. A single client shares a processor with its server, see [`affinity`].
///
/// # Errors
/// When a request fails or is answered wrongly.
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
        // Two turns must not ask for the same keys in the same order.
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
        // Once at least, however short the turn is.
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

    /// Requests that do not count. Deletes would leave less to delete.
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

    /// Asks once. False when there is nothing left to ask for.
    fn request(&mut self) -> Result<bool> {
        match self.turn.operation {
            Operation::GetHit => self.get_hit()?,
            Operation::GetMiss => {
                keys::named("absent", self.turn.keys.next(&mut self.random), &mut self.key);
                if self.session.get(&self.key, &mut self.value)? {
                    bail!("{} is there and should not be", self.key);
                }
            }
            Operation::GetMany => {
                self.spell_many();
                let found = self.session.get_many(&self.keys)?;
                if found != MANY {
                    bail!("{found} of {MANY} keys were there");
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
            bail!("{} is not there", self.key);
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
