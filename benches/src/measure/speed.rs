//! Owns the speed of each contender, in interleaved rounds: in a round each contender gets a turn of the same length,
//! and each round begins with another contender, so that none always follows the same one.
//!
//! Must never measure one contender's rounds in a row.

use std::{sync::atomic::AtomicBool, time::Duration};

use anyhow::{Context, Result};

use crate::contender::{Contender, Session, Ttl};
use crate::keys::{self, Keys};
use crate::load::{self, COUNTER, COUNTERS, Fresh, Turn};
use crate::plan::{self, Plan, Setting};
use crate::{histogram::Histogram, operation::Operation, statistics::median, values::Values};

/// The space of all caches.
const SPACE: &str = "speed";

/// One contender's rounds of one operation with a number of clients.
#[derive(Clone, Debug)]
pub struct Speed {
    /// What was stored.
    pub setting: Setting,
    /// The number of clients.
    pub clients: usize,
    /// The operation.
    pub operation: Operation,
    /// The contender.
    pub contender: &'static str,
    /// Keys a second, for each round.
    pub rates: Vec<f64>,
    /// The median time of a request.
    pub half: Duration,
    /// The time that 99 % of the requests did not exceed.
    pub slow: Duration,
    /// The median processor time of the server for a request, in microseconds; known for a single client only.
    pub cpu: Option<f64>,
}

/// A contender with a filled cache and connections to it.
struct Player<'a> {
    contender: &'a dyn Contender,
    sessions: Vec<Box<dyn Session>>,
    fresh: Fresh,
}

/// Measures everything in the plan.
///
/// # Errors
/// When a request fails or gets a wrong answer.
pub fn measure(contenders: &[Box<dyn Contender>], plan: &Plan, say: &dyn Fn(&str)) -> Result<Vec<Speed>> {
    let mut speeds = Vec::new();
    let mut players: Vec<Player<'_>> = Vec::new();
    let mut stored = None;
    let varied = [(Plan::VARIED_CLIENTS.min(plan.most_clients()), Plan::VARIED.to_vec())];
    for &setting in &plan.settings {
        let values = Values::new(setting.value);
        // Settings that differ only in the distribution of keys share the filled caches.
        if stored != Some((setting.keys, setting.value)) {
            leave(players.drain(..))?;
            say(&format!("filling with {}", setting.described()));
            for contender in contenders {
                players.push(Player::new(contender.as_ref(), setting.keys, &values, plan.most_clients())?);
            }
            stored = Some((setting.keys, setting.value));
        }
        let keys = Keys::new(setting.keys, setting.distribution);
        let matrix = if setting == plan.main_setting() { plan.clients.as_slice() } else { &varied };
        for (clients, operations) in matrix {
            for &operation in operations {
                say(&format!("{}, {}", operation.name(), plan::clients(*clients)));
                let cell = Cell { setting, clients: *clients, operation, keys: &keys, values: &values };
                speeds.extend(cell.measure(&mut players, plan)?);
            }
        }
    }
    leave(players)?;
    Ok(speeds)
}

fn leave<'a>(players: impl IntoIterator<Item = Player<'a>>) -> Result<()> {
    players.into_iter().try_for_each(|Player { contender, sessions, .. }| {
        drop(sessions);
        contender.remove(SPACE)
    })
}

impl<'a> Player<'a> {
    fn new(contender: &'a dyn Contender, count: u64, values: &Values, clients: usize) -> Result<Self> {
        let prepare = || -> Result<_> {
            let mut first = super::filled(contender, SPACE, count, values)?;
            if contender.offers(Operation::Incr) {
                let mut counters = vec![String::new(); COUNTERS as usize];
                for (number, key) in counters.iter_mut().enumerate() {
                    keys::named(COUNTER, number as u64, key);
                }
                for batch in counters.chunks(crate::operation::MANY) {
                    first.fill(batch, &vec!["0"; batch.len()], Ttl::DAY)?;
                }
            }
            let mut sessions = vec![first];
            for _ in 1..clients {
                sessions.push(contender.connect(SPACE)?);
            }
            Ok(Self { contender, sessions, fresh: Fresh::default() })
        };
        prepare().with_context(|| format!("cannot fill {}", contender.name()))
    }
}

/// A measurement of all contenders side by side.
#[derive(Clone, Copy)]
struct Cell<'a> {
    setting: Setting,
    clients: usize,
    operation: Operation,
    keys: &'a Keys,
    values: &'a Values,
}

impl Cell<'_> {
    fn measure(&self, players: &mut [Player<'_>], plan: &Plan) -> Result<Vec<Speed>> {
        let mut playing: Vec<_> = players.iter_mut().filter(|player| player.contender.offers(self.operation)).collect();
        let mut notes: Vec<_> = playing.iter().map(|_| (Vec::new(), Histogram::default(), Vec::new())).collect();
        for round in 0..plan.rounds {
            for turn in 0..playing.len() {
                let at = (round + turn) % playing.len();
                let outcome = self.turn(playing[at], plan.turn_of(self.clients))?;
                let (rates, times, cpu) = &mut notes[at];
                rates.push(outcome.rate);
                times.merge(&outcome.times);
                cpu.extend(outcome.cpu.map(|cpu| cpu.as_secs_f64() * 1e6));
            }
        }
        let speeds = playing.iter().zip(notes).map(|(player, (rates, times, cpu))| Speed {
            setting: self.setting,
            clients: self.clients,
            operation: self.operation,
            contender: player.contender.name(),
            rates,
            half: times.percentile(0.5),
            slow: times.percentile(0.99),
            cpu: median(&cpu),
        });
        Ok(speeds.collect())
    }

    fn turn(&self, player: &mut Player<'_>, limit: Duration) -> Result<load::Outcome> {
        let turn = Turn {
            operation: self.operation,
            keys: self.keys,
            values: self.values,
            fresh: &player.fresh,
            limit,
            stop: &AtomicBool::new(false),
            beside: None,
        };
        load::take(&mut player.sessions[..self.clients], turn)
            .with_context(|| format!("{}: {}", player.contender.name(), self.operation.name()))
    }
}
