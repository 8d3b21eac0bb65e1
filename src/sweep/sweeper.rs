//! A sweeper: a short-lived process that removes due rows and makes room in one database.
//!
//! Owns its visits: one small transaction a step. It stays while the next step is near. It leaves when that is not so,
//! when another database waits for a process, or when a session wants to drop, rename or copy this database. Must never
//! wait for a lock.

use super::{entries, process, tags, walk};
use crate::ahead::{finder, warmings};
use crate::pg::{Steady, backend, clock};
use crate::shared::{Presence, Slot, Turn, directory, flags, ranges, refreshes};
use crate::{catalog, error::CacheError, namespaces, settings, stats::turns};
use cache_pg_rules::{backoff, pace, step::Step};
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use std::time::{Duration, Instant};
use std::{ffi::CString, rc::Rc};

/// The longest rest of a sweeper. For a longer one it leaves, and the launcher starts it again.
const LONGEST_REST: Duration = Duration::from_secs(1);
/// How long to leave alone a database or a table that another session has locked.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The outcome of a visit to the table.
enum Visit {
    Stepped(Step),
    /// The database does not have the extension.
    Absent,
    /// Another session needs the table or the database.
    Locked,
}

/// The main function of a sweeper; its argument is the database.
#[pg_guard]
#[unsafe(no_mangle)]
extern "C-unwind" fn cache_pg_sweeper_main(argument: pg_sys::Datum) {
    process::start();
    // SAFETY: the launcher passes an OID.
    let database = unsafe { Oid::from_datum(argument, false) }.unwrap_or(Oid::INVALID);
    process::connect(Some(database), &process::LAZY);
    if let Some(sweeper) = Sweeper::claim(database) {
        sweeper.run();
    }
}

pub(super) struct Sweeper {
    pub(super) slot: usize,
    /// How many times the extension had been announced here when this process began.
    announced: u32,
    pub(super) turn: Turn,
    /// Whether some namespace refreshes ahead.
    pub(super) refreshes: bool,
    /// How many pages were read in a row without finding an entry to evict.
    pub(super) fruitless: u32,
}

impl Sweeper {
    /// Takes the slot of this database, unless another sweeper has it.
    fn claim(database: Oid) -> Option<Self> {
        let pid = backend::pid();
        let holder = directory::look(|directory| directory.find(database).map(|slot| directory.slots[slot].sweeper));
        if directory::alive(holder.flatten()?) {
            return None;
        }
        directory::change(|directory| {
            let slot = directory.find(database)?;
            let Slot { announced, turn, sweeper, .. } = directory.slots[slot];
            directory.slots[slot].sweeper = pid;
            directory.slots[slot].started_at = Steady::PAST;
            if sweeper != 0 {
                // That sweeper has not left but died, perhaps within a step.
                ranges::reset(slot);
            }
            Some(Self { slot, announced, turn, refreshes: false, fruitless: 0 })
        })
        .flatten()
    }

    /// Steps until it is time to leave.
    fn run(mut self) {
        loop {
            let started = Instant::now();
            if self.turn.page == 0 {
                // Reset first: a sweeper that resumes a turn must not rely on the result of an earlier one.
                self.update_slot(|slot| slot.quiet_until = slot.visit_at);
                // Before the transaction takes its snapshot: a transaction that commits later sets the flag again.
                flags::clear_written(self.slot);
                ranges::begin_turn(self.slot);
                refreshes::begin_turn(self.slot);
                self.turn.began_at = Steady::now();
                self.turn.whole = turns::until_next_count(settings::sweep_interval()).is_zero();
                turns::begin();
            }
            let rest = match process::transaction(|| self.visit()).flatten() {
                Ok(Visit::Stepped(step)) => {
                    finder::put_in_line();
                    self.end_step(step, started.elapsed())
                }
                Ok(Visit::Absent) => {
                    let (presence, layout) = (Presence::Absent, None);
                    return self.leave(|slot| *slot = Slot { presence, layout, failures: 0, ..*slot });
                }
                Ok(Visit::Locked) => {
                    let again = Steady::from_now(RETRY_AFTER);
                    return self.leave(|slot| {
                        *slot = Slot { visit_at: again, quiet_until: again, not_before: again, failures: 0, ..*slot };
                    });
                }
                Err(error) => return self.fail(&error),
            };
            let complete = self.turn.page == 0;
            if complete && let Err(error) = self.collect_tags() {
                return self.fail(&error);
            }
            if let Err(error) = self.vacuum() {
                return self.fail(&error);
            }
            process::report(None);
            let others_wait = directory::look(|directory| directory.waiting > 0) == Some(true);
            // After a turn the next begins when an entry is to be looked at for a refresh, at the latest.
            let until_refresh = refreshes::visit_at(self.slot).since(Steady::now());
            let is_near = complete && until_refresh <= LONGEST_REST;
            let rest = if is_near { rest.min(until_refresh.max(pace::shortest_rest(started.elapsed()))) } else { rest };
            let is_needed = || is_near || flags::pressed(self.slot) || flags::written(self.slot);
            if rest > LONGEST_REST || complete && (others_wait || !is_needed()) {
                // In mid-turn the rest bounds the share of the time.
                let not_before = if complete { Steady::PAST } else { Steady::from_now(rest) };
                return self.leave(|slot| slot.not_before = not_before);
            }
            process::nap(rest);
        }
    }

    /// One step, within a transaction.
    ///
    /// # Errors
    /// The table cannot be read.
    fn visit(&mut self) -> Result<Visit, String> {
        if !process::database_is_free() {
            return Ok(Visit::Locked);
        }
        let tables = match catalog::find() {
            Ok(tables) => tables,
            Err(CacheError::NotInstalled) => return Ok(Visit::Absent),
            Err(error) => return Err(error.to_string()),
        };
        // The tables may have changed before the lock was granted. Then the next visit begins anew.
        if !entries::try_lock(&tables) || catalog::tables().is_none_or(|locked| !Rc::ptr_eq(&tables, &locked)) {
            return Ok(Visit::Locked);
        }
        if let Err(altered) = tables.check() {
            altered.raise();
        }
        let now = clock::now();
        self.refreshes = namespaces::someone_refreshes(&tables) || warmings::some_under_way();
        if self.turn.page == 0
            && let Some(again) = finder::look_for_lists(&tables, now)
        {
            refreshes::visit_again(self.slot, again);
        }
        let most = settings::sweep_batch_size();
        if self.turn.length.is_zero() {
            self.turn.length = settings::sweep_interval();
        }
        report_step(&tables.schema, &self.turn);
        if !tables.may_be_walked {
            return Err(CacheError::Altered("cache_entries").to_string());
        }
        let pages = pace::step_pages(self.turn.pages, self.turn.length);
        // The step comes first: it finds out whether the known ranges and gauges belong to this table.
        let step = walk::step((self.slot, self.turn.whole), &tables, self.turn.page, pages, most, now);
        let removed = self.make_room(&tables, most);
        Ok(step.map_or(Visit::Locked, |step| Visit::Stepped(Step { removed: step.removed + removed, ..step })))
    }

    /// After a turn, if it is due: collects tags.
    fn collect_tags(&self) -> Result<(), String> {
        let due = directory::look(|directory| directory.slots[self.slot].collect_at <= Steady::now());
        if due != Some(true) {
            return Ok(());
        }
        self.update_slot(|slot| slot.collect_at = Steady::from_now(tags::COLLECT_EVERY));
        process::report(Some(c"collecting tags"));
        process::transaction(|| match catalog::tables() {
            Some(tables) if process::database_is_free() && entries::try_lock(&tables) && tables.check().is_ok() => {
                tags::collect(&tables).map_err(|error| error.to_string())
            }
            _ => Ok(()),
        })?
    }

    /// Logs the error and the time of the next attempt, once for each failure, and leaves.
    fn fail(self, error: &str) {
        turns::count_failure(error);
        finder::forget();
        // The rollback has restored the rows that the step removed.
        ranges::reset(self.slot);
        // The launcher has counted this failure at the start.
        let failures = directory::look(|directory| directory.slots[self.slot].failures).unwrap_or(1).max(1);
        let pause = backoff::pause(failures, backend::chance());
        self.leave(|slot| {
            slot.visit_at = Steady::from_now(pause);
            slot.quiet_until = slot.visit_at;
        });
        let database = backend::database().to_u32();
        pgrx::warning!(
            "cache_pg sweep failed in database {database}, attempt {failures}: {error}; next attempt in {:.1} s",
            pause.as_secs_f64()
        );
    }

    /// Gives the slot back.
    fn leave(&self, change: impl FnOnce(&mut Slot)) {
        // SAFETY: outside of a transaction; forced, because this process reports nothing later.
        unsafe { pg_sys::pgstat_report_stat(true) };
        self.update_slot(change);
        let pid = backend::pid();
        directory::change(|directory| {
            let slot = &mut directory.slots[self.slot];
            if slot.sweeper == pid {
                slot.sweeper = 0;
            }
        });
    }

    /// Stores what this process has found, unless the extension has been created anew since the process began.
    pub(super) fn update_slot(&self, change: impl FnOnce(&mut Slot)) {
        let database = backend::database();
        directory::change(|directory| {
            let slot = &mut directory.slots[self.slot];
            if slot.database == database && slot.announced == self.announced {
                change(slot);
            }
        });
    }
}

fn report_step(schema: &str, turn: &Turn) {
    let text = format!("sweeping {schema}.cache_entries from page {} of {}", turn.page, turn.pages);
    process::report(Some(&CString::new(text).unwrap_or_default()));
}
