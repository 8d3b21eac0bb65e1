//! The loaders, as the launcher sees them: it starts one where a load waits, and ends those that do not end themselves.
//!
//! Owns how many there are, and in which databases. Must never wait for a loader.

use super::{hindrance::Hindrance, loader, process, starter::Starter};
use crate::ahead::{errors, line, load::Queue, looks, processes};
use crate::pg::{Steady, backend};
use crate::settings;
use crate::shared::directory;
use pgrx::bgworkers::{BackgroundWorkerStatus, DynamicBackgroundWorker};
use pgrx::pg_sys::Oid;
use std::time::Duration;

/// A load that has run for so long beyond `cache_pg.load_timeout` ignores its cancel: its process is ended.
const GRACE: Duration = Duration::from_secs(2);
/// How long to leave a database alone whose loader has not got ready.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// How often to look after loaders that are at work.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The error of a load whose process is gone.
const ENDED: &str = "the process of the load was ended by a signal";

struct Running {
    database: Oid,
    /// Known once it has started.
    pid: Option<i32>,
    /// Whether its load was canceled in the last round, because a session waits for it.
    is_canceled: bool,
    process: DynamicBackgroundWorker,
}

pub(super) struct Loaders {
    running: Vec<Running>,
    /// Databases whose loader ended before it was ready, and until when no other is started there.
    refused: Vec<(Oid, Steady)>,
    starter: Starter,
}

impl Loaders {
    pub fn new() -> Self {
        let warning = (
            "cache_pg could not start a loader: out of background worker slots",
            "Entries with refresh_ahead expire, and their next reader computes them.",
        );
        let starter = Starter::new("cache_pg loader", "cache_pg_loader_main", warning);
        Self { running: Vec::new(), refused: Vec::new(), starter }
    }

    /// Starts the loaders that are due, and ends those that must end; returns when to come again.
    pub fn round(&mut self, now: Steady) -> Steady {
        self.retain(now);
        // One that has just ended stays in the list until `retain` has seen that it was ready.
        let is_known = |pid| self.running.iter().any(|running| running.pid == Some(pid));
        processes::forget_ended(|pid| directory::alive(pid) || is_known(pid));
        for (database, load, failures_in_a_row) in line::end_abandoned(directory::alive, backend::chance()) {
            errors::keep(database, load.namespace, "", ENDED);
            loader::tell_of_pause(failures_in_a_row, ENDED);
        }
        let most = settings::max_loaders();
        if !self.running.is_empty() {
            self.make_way(most);
        }
        self.refused.retain(|&(_, until)| until > now);
        self.start_due(most);
        if self.running.is_empty() { Steady::NEVER } else { now.after(LOOK_EVERY) }
    }

    /// Cancels the loads that hold up a session. Ends the loaders that hold up a database, that ignore their cancel, or
    /// that are too many.
    fn make_way(&mut self, most: usize) {
        let pids: Vec<i32> = self.running.iter().filter_map(|running| running.pid).collect();
        let hindrance = Hindrance::of(&pids);
        let overdue = looks::overdue(settings::load_timeout() + GRACE);
        for (number, running) in self.running.iter_mut().enumerate() {
            let hinders = running.pid.is_some_and(|pid| hindrance.loaders.contains(&pid));
            let is_overdue = running.pid.is_some_and(|pid| overdue.contains(&pid));
            let hinders_still = hinders && running.is_canceled;
            let must_end = number >= most || is_overdue || hinders_still;
            if must_end || hindrance.databases.contains(&running.database) {
                process::end(&running.process);
            } else if hinders {
                process::cancel(&running.process);
            }
            running.is_canceled = hinders;
        }
    }

    /// Forgets those that have ended. One that ended before it was ready tells that its database refuses it.
    fn retain(&mut self, now: Steady) {
        let known = processes::all();
        for running in &mut self.running {
            running.pid = running.process.pid().ok().or(running.pid);
        }
        let ended = self.running.extract_if(.., |running| {
            !matches!(running.process.pid(), Ok(_) | Err(BackgroundWorkerStatus::NotYetStarted))
        });
        let was_ready = |running: &Running| match running.pid {
            Some(pid) => known.contains(&(pid, running.database)),
            // It came and went between two rounds.
            None => known.iter().any(|&(pid, database)| database == running.database && !directory::alive(pid)),
        };
        let refused = ended.filter(|running| !was_ready(running));
        self.refused.extend(refused.map(|running| (running.database, now.after(RETRY_AFTER))));
    }

    fn start_due(&mut self, most: usize) {
        let mut queues = looks::queues();
        queues.retain(|queue| !self.refused.iter().any(|(refused, _)| *refused == queue.database));
        let of = |running: &[Running], database| running.iter().filter(|it| it.database == database).count();
        // Those of an earlier launcher run on for a while.
        while self.running.len().max(processes::count()) < most {
            // The database with the fewest loaders first. One that loads nothing yet will take a load.
            let idle = |queue: &Queue| of(&self.running, queue.database).saturating_sub(queue.running);
            let next = queues.iter().filter(|queue| queue.waiting > idle(queue));
            let Some(queue) = next.min_by_key(|queue| of(&self.running, queue.database)) else { break };
            if !self.start(queue.database) {
                break;
            }
        }
        processes::let_others_wait(queues.iter().any(|queue| of(&self.running, queue.database) == 0));
    }

    fn start(&mut self, database: Oid) -> bool {
        let started = self.starter.start(database, self.running.is_empty());
        let process = started.map(|process| Running { database, pid: None, is_canceled: false, process });
        let has_started = process.is_some();
        self.running.extend(process);
        has_started
    }
}
