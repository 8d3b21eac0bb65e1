//! Owns the results of one run, and their lookup.
//!
//! Must never hold a number that was not measured in this run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use xtask::postgres::Installation;

use crate::contender::{self, Field};
use crate::measure::counted::{self, Counted};
use crate::measure::growth::{self, Growth};
use crate::measure::instructions::{self, Instructions};
use crate::measure::speed::{self, Speed};
use crate::measure::sweep::{self, Swept};
use crate::plan::{Plan, Setting};
use crate::{
    machine, measure::readers::Watched, operation::Operation, servers::LeftOut, servers::postgres::Postgres, statistics,
};

/// The results of a run.
#[derive(Debug)]
pub struct Results {
    /// Its size.
    pub plan: Plan,
    /// The machine.
    pub machine: String,
    /// The load averages before the run and at its end; the second includes the load of the run.
    pub load: [Option<f64>; 2],
    /// How long it took.
    pub took: Duration,
    /// The contenders, in the order of the tables.
    pub contenders: Vec<&'static str>,
    /// The contenders that were not available.
    pub left_out: Vec<LeftOut>,
    /// Speeds.
    pub speeds: Vec<Speed>,
    /// WAL, HOT updates and growth.
    pub counted: Vec<Counted>,
    /// Instructions of the server.
    pub instructions: Vec<Instructions>,
    /// Sweeps.
    pub swept: Vec<Swept>,
    /// Reads during sweeps.
    pub watched: Vec<Watched>,
    /// Reads of growing caches.
    pub growth: Vec<Growth>,
}

/// How long to wait for a quiet machine. The load average falls to a third within a minute.
const QUIET_WITHIN: Duration = Duration::from_secs(5 * 60);

/// Starts everything, measures it, and stops it.
///
/// # Errors
/// When PostgreSQL does not start, or a request fails or gets a wrong answer.
pub fn run(installation: &Installation, plan: Plan, say: &dyn Fn(&str)) -> Result<Results> {
    if plan.is_full() && !machine::is_quiet(machine::load()) {
        say("waiting for the load of the build to pass");
        if !machine::await_quiet(QUIET_WITHIN, machine::load) {
            say("the machine is busy: only the counts will be right");
        }
    }
    let start = Instant::now();
    let load_before = machine::load();
    let buffers = plan.buffers.min(machine::memory_megabytes() / 4).max(128);
    let postgres = Arc::new(Postgres::start(installation, buffers)?);
    let machine = machine::described(&postgres);
    say(&machine);
    let Field { contenders, mut left_out } = contender::all(&postgres)?;
    let instructions = match plan.instructions {
        0 => Vec::new(),
        _ => match instructions::measure(installation, &plan, say)? {
            Ok(instructions) => instructions,
            Err(missing) => {
                left_out.push(missing);
                Vec::new()
            }
        },
    };
    let counted = counted::measure(&postgres, &contenders, &plan, say)?;
    for left_out in &left_out {
        say(&format!("left out {}: {}", left_out.name, left_out.why));
    }
    let (swept, watched) = sweep::measure(&postgres, &plan, say)?;
    let speeds = speed::measure(&contenders, &plan, say)?;
    let growth = growth::measure(&postgres, &plan, say)?;
    let names = contenders.iter().map(|contender| contender.name()).collect();
    Ok(Results {
        plan,
        machine,
        load: [load_before, machine::load()],
        took: start.elapsed(),
        contenders: names,
        left_out,
        speeds,
        counted,
        instructions,
        swept,
        watched,
        growth,
    })
}

impl Results {
    /// One cell of a table.
    pub fn speed(&self, setting: Setting, clients: usize, operation: Operation, contender: &str) -> Option<&Speed> {
        self.speeds.iter().find(|speed| {
            speed.setting == setting
                && speed.clients == clients
                && speed.operation == operation
                && speed.contender == contender
        })
    }

    /// How much faster `of` is than `to` at the same operation, in the main setting: the median over the rounds.
    pub fn ratio(&self, clients: usize, operation: Operation, of: &str, to: &str) -> Option<f64> {
        let setting = self.plan.main_setting();
        let of = self.speed(setting, clients, operation, of)?;
        statistics::ratio(&of.rates, &self.speed(setting, clients, operation, to)?.rates)
    }

    /// How many keys a second `of` handles for each key of `to`, in the main setting.
    pub fn gain(&self, clients: usize, of: Operation, to: Operation, contender: &str) -> Option<f64> {
        let setting = self.plan.main_setting();
        let of = self.speed(setting, clients, of, contender)?;
        statistics::ratio(&of.rates, &self.speed(setting, clients, to, contender)?.rates)
    }

    /// The speed of reads with `entries` entries, as a share of that with the fewest.
    pub fn kept(&self, contender: &str, entries: u64) -> Option<f64> {
        let of =
            |wanted: u64| self.growth.iter().find(|growth| growth.contender == contender && growth.entries == wanted);
        statistics::ratio(&of(entries)?.rates, &of(*self.plan.growth.first()?)?.rates)
    }
}
