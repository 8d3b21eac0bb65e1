//! The launcher: one process that starts a sweeper where a visit is due.
//!
//! Owns the schedule of visits. It is connected to the shared catalogs only, so it holds no database open, and learns
//! from the directory what the sweepers found. In each round it also saves a part of the memory of reads, if that is
//! due. Must never sweep itself, nor wait for a sweeper.

use super::{databases::databases, loaders::Loaders, process, starter::Starter};
use crate::pg::{Steady, backend, clock};
use crate::shared::{Presence, directory, flags, refreshes};
use crate::{ahead, evict, settings, stats};
use cache_pg_rules::{backoff, drift::Drift};
use pgrx::bgworkers::{BackgroundWorkerBuilder, BackgroundWorkerStatus, DynamicBackgroundWorker};
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use std::time::Duration;

/// How soon the postmaster restarts the launcher.
const RESTART_AFTER: Duration = Duration::from_secs(1);
/// The longest time between two readings of the list of databases. A database that was copied does not announce itself.
const LIST_EVERY: Duration = refreshes::LAUNCHER_SLEEPS;
const SHORTEST_NAP: Duration = Duration::from_millis(1);

/// Registers the launcher with the postmaster.
pub fn register() {
    BackgroundWorkerBuilder::new("cache_pg launcher")
        .set_type("cache_pg launcher")
        .set_library("cache_pg")
        .set_function("cache_pg_launcher_main")
        .enable_spi_access()
        .set_restart_time(Some(RESTART_AFTER))
        .load();
}

/// The main function of the launcher.
#[pg_guard]
#[unsafe(no_mangle)]
extern "C-unwind" fn cache_pg_launcher_main(_argument: pg_sys::Datum) {
    process::start();
    process::connect(None, &process::LAZY);
    let pid = backend::pid();
    directory::change(|directory| directory.launcher = pid);
    let mut launcher = Launcher {
        sweepers: Vec::new(),
        interval: settings::sweep_interval(),
        list_at: Steady::PAST,
        drift: Drift::default(),
        saver: evict::Saver::new(),
        no_slot: false,
        loaders: Loaders::new(),
        starter: Starter::new(
            "cache_pg sweeper",
            "cache_pg_sweeper_main",
            (
                "cache_pg could not start a sweeper: out of background worker slots",
                "Expired entries are never returned, but their rows stay until a sweeper runs.",
            ),
        ),
    };
    loop {
        let length = launcher.round();
        process::report(None);
        process::nap(length);
    }
}

struct Launcher {
    /// The sweepers that this launcher has started and that may still run.
    sweepers: Vec<(Oid, DynamicBackgroundWorker)>,
    /// The `sweep_interval` by which visits are planned.
    interval: Duration,
    /// When to read the list of databases again.
    list_at: Steady,
    /// Detects that the clock was set.
    drift: Drift,
    /// Saves the memory of reads.
    saver: evict::Saver,
    /// Whether the log already says that there are too many databases.
    no_slot: bool,
    /// The processes that load.
    loaders: Loaders,
    starter: Starter,
}

impl Launcher {
    /// Starts the sweepers that are due; returns how long to sleep.
    fn round(&mut self) -> Duration {
        let now = Steady::now();
        stats::tick();
        if self.drift.was_set(clock::now().0, now.micros()) {
            flags::doubt_all();
        }
        self.follow_interval(now);
        let at_work = self.sweepers.len();
        self.sweepers
            .retain(|(_, sweeper)| matches!(sweeper.pid(), Ok(_) | Err(BackgroundWorkerStatus::NotYetStarted)));
        let most = settings::max_workers();
        let free = most.saturating_sub(self.sweepers.len());
        let (mut due, mut next) = self.due(now);
        // A sweeper may have ended because its database is gone, and no sweeper is started for such a database.
        if now >= self.list_at || self.sweepers.len() < at_work || free > 0 && !due.is_empty() {
            self.list_databases(now);
            (due, next) = self.due(now);
        }
        // Sweepers beyond a lowered maximum count as waiting databases, so that they leave.
        let waiting = (self.sweepers.len() + due.len()).saturating_sub(most) as u32;
        directory::change(|directory| directory.waiting = waiting);
        for &database in due.iter().take(free) {
            self.start(database, now);
        }
        let next = next.min(self.loaders.round(now));
        // The end of a sweeper wakes the launcher, which then starts another.
        next.min(self.list_at).min(self.saver.step(now)).since(now).max(SHORTEST_NAP)
    }

    /// Brings forward visits that were planned with a longer `sweep_interval`.
    fn follow_interval(&mut self, now: Steady) {
        let interval = settings::sweep_interval();
        if interval < self.interval {
            directory::change(|directory| {
                for slot in &mut directory.slots {
                    slot.visit_at = slot.visit_at.min(now.after(interval));
                    slot.turn.length = slot.turn.length.min(interval);
                }
            });
        }
        self.interval = interval;
    }

    /// The databases where a visit is due, the longest due first, and when the next visit of the others is due.
    fn due(&self, now: Steady) -> (Vec<Oid>, Steady) {
        let visits = directory::look(|directory| {
            let slots = directory.slots.iter().enumerate();
            slots
                .filter(|(_, slot)| slot.database != Oid::INVALID && slot.connectable)
                .filter(|(_, slot)| slot.presence != Presence::Absent)
                .map(|(number, slot)| {
                    let at = match () {
                        () if flags::pressed(number) && slot.failures == 0 => Steady::PAST,
                        () if flags::written(number) => slot.visit_at,
                        () => slot.visit_at.max(slot.quiet_until),
                    };
                    let refresh = refreshes::visit_at(number).max(slot.not_before);
                    let at = if slot.failures == 0 { at.min(refresh) } else { at };
                    (at, slot.database, slot.sweeper)
                })
                .collect::<Vec<_>>()
        });
        let mut visits = visits.unwrap_or_default();
        visits.retain(|&(_, database, sweeper)| {
            !directory::alive(sweeper) && !self.sweepers.iter().any(|(swept, _)| *swept == database)
        });
        visits.sort_unstable_by_key(|&(at, ..)| at);
        let due = visits.partition_point(|&(at, ..)| at <= now);
        let next = visits.get(due).map_or(Steady::NEVER, |&(at, ..)| at);
        (visits.iter().take(due).map(|&(_, database, _)| database).collect(), next)
    }

    fn start(&mut self, database: Oid, now: Steady) {
        // A sweeper reports its outcome. One that ends without a report has failed: a failure is counted at the start.
        let chance = backend::chance();
        // Before the start, because the sweeper may end at once.
        directory::change(|directory| {
            if let Some(slot) = directory.find(database) {
                let slot = &mut directory.slots[slot];
                slot.failures = slot.failures.saturating_add(1);
                slot.visit_at = now.after(backoff::pause(slot.failures, chance));
                slot.started_at = now;
            }
        });
        if let Some(sweeper) = self.starter.start(database, self.sweepers.is_empty()) {
            self.sweepers.push((database, sweeper));
        }
    }

    /// Enters new databases into the directory and removes those that are gone.
    fn list_databases(&mut self, now: Steady) {
        self.list_at = now.after(LIST_EVERY.min(settings::sweep_interval()));
        process::report(Some(c"listing databases"));
        // Read the directory first: a database that enters it later may be younger than the snapshot of the catalog.
        let known: Vec<Oid> =
            directory::look(|directory| directory.slots.iter().map(|slot| slot.database).collect()).unwrap_or_default();
        let databases = match process::transaction(databases) {
            Ok(databases) => databases,
            Err(error) => return pgrx::warning!("cache_pg could not list databases: {error}"),
        };
        let is_gone = |known: Oid| known != Oid::INVALID && !databases.iter().any(|&(database, _)| database == known);
        let gone: Vec<Oid> = known.iter().copied().filter(|&known| is_gone(known)).collect();
        let all_entered = directory::change(|directory| {
            for (slot, known) in directory.slots.iter_mut().zip(known) {
                if slot.database == known && is_gone(known) {
                    slot.database = Oid::INVALID;
                }
            }
            databases.iter().all(|&(database, connectable)| {
                let slot = if connectable { directory.enter(database) } else { directory.find(database) };
                slot.map(|slot| directory.slots[slot].connectable = connectable).is_some() || !connectable
            })
        });
        for database in gone {
            stats::drop_database(database);
            ahead::drop_database(database);
        }
        if all_entered == Some(false) && !self.no_slot {
            self.no_slot = true;
            pgrx::warning!(
                "cache_pg can sweep at most {} databases; call cache_sweep() in the others",
                directory::CAPACITY
            );
        }
    }
}
