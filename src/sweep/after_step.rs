//! What a sweeper does after a step: recording it, resting, evicting entries, and running VACUUM.
//!
//! Owns the end of a turn and the start of the next, and when entries are evicted and the table is vacuumed. Must never
//! wait for another session.

use super::vacuum::{self, Locks};
use super::{evictor::Evictor, process, sweeper::Sweeper, walk};
use crate::ahead::{finder, warmings};
use crate::catalog::{self, ExtensionTables};
use crate::pg::{Steady, clock};
use crate::settings;
use crate::shared::{Presence, Slot, Turn, directory, flags};
use crate::stats::{DatabaseStats, NamespaceStats, turns};
use cache_pg_rules::{pace, step::Step};
use pgrx::pg_sys;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

impl Sweeper {
    /// Records a step that took `took`; returns how long to rest.
    pub(super) fn end_step(&mut self, step: Step, took: Duration) -> Duration {
        let turn = &mut self.turn;
        turn.read = turn.read.saturating_add(step.read);
        turn.skipped = turn.skipped.saturating_add(step.walked.saturating_sub(step.read));
        turns::count_step(&step, took);
        let rest = match flags::pressed(self.slot) {
            true => pace::hurried_rest(took),
            // A turn that looks for entries to refresh reads few ranges, and must not come to the last of them late.
            false if self.refreshes && !pace::is_behind(step.found) => {
                let left = if step.next == 0 { turn.length } else { Duration::ZERO };
                left.saturating_sub(Steady::now().since(turn.began_at)).max(pace::shortest_rest(took))
            }
            false => pace::rest(step.pages, step.walked, turn.length, took, step.found),
        };
        turn.page = step.next;
        turn.pages = step.pages;
        turn.found.add(step.found);
        turn.next_due = [turn.next_due, step.next_due].into_iter().flatten().min();
        let now = clock::now();
        let visit_at = Steady::from_now(rest);
        let mut quiet_until = visit_at;
        if turn.page == 0 {
            turns::end(turn);
            warmings::end_unseen(turn.began_at.by_the_server(), finder::LOOK_AGAIN);
            if turn.skipped == 0 && is_room_in_question() {
                // The gauge was below the count, so no writer has asked for room.
                flags::press(self.slot);
            }
            let interval = settings::sweep_interval();
            let next_due = turn.next_due.map(|at| Duration::from_micros(at.saturating_sub(now.0).max(0) as u64));
            let quiet = pace::quiet(interval, next_due);
            quiet_until =
                Steady::from_now(if turn.whole { quiet } else { quiet.min(turns::until_next_count(interval)) });
            let length = pace::next_turn(turn.length, interval, turn.found);
            *turn = Turn { length, pages: turn.pages, ..Turn::default() };
        }
        let turn = *turn;
        self.update_slot(|slot| {
            let removed = slot.removed + u64::from(step.removed);
            *slot = Slot { presence: Presence::Present, failures: 0, visit_at, quiet_until, turn, removed, ..*slot };
        });
        rest
    }
}

/// Whether a limit may be exceeded: that of the cache, or of a namespace, whose limits only a transaction can read.
fn is_room_in_question() -> bool {
    DatabaseStats::mine().is_some_and(|database| settings::limits().are_reached(database.total.held()))
        || NamespaceStats::named().any(|(_, stats)| stats.is_configured.load(Ordering::Relaxed))
}

/// The most entries that a step evicts. Until it commits they still occupy their space, while writers add entries.
const EVICT_ROWS: u32 = 250;
/// The most pages that a step reads in order to evict.
const EVICT_PAGES: u32 = 256;
/// After this many rounds of the table without an eviction the sweeper stops trying.
const MOST_FRUITLESS_ROUNDS: u64 = 8;
/// The pause after a VACUUM, in multiples of its duration.
const VACUUM_PAUSE_FACTOR: u32 = 2;
/// How long to leave alone a table that another session has locked.
const RETRY_AFTER: Duration = Duration::from_millis(100);

impl Sweeper {
    /// Evicts if room is needed; returns how many rows it removed.
    pub(super) fn make_room(&mut self, tables: &ExtensionTables, most: u32) -> u32 {
        let Some(mut evictor) = self.evictor(tables) else { return 0 };
        let step = walk::evict(self.slot, tables, EVICT_PAGES, most.min(EVICT_ROWS), &mut evictor);
        // After enough pages without an eviction, the remaining entries cannot be evicted.
        self.fruitless = if step.evicted > 0 { 0 } else { self.fruitless + step.read };
        if evictor.needs_more() && u64::from(self.fruitless) < u64::from(step.pages) * MOST_FRUITLESS_ROUNDS {
            flags::press(self.slot);
        }
        step.removed
    }

    /// What is to be evicted, if room is needed. Clears the request first; a writer that needs room sets it again.
    fn evictor(&self, tables: &ExtensionTables) -> Option<Evictor> {
        if flags::take_pressed(self.slot) { Evictor::of(tables) } else { None }
    }

    /// Runs VACUUM after many removals.
    pub(super) fn vacuum(&self) -> Result<(), String> {
        let Some(slot) = directory::look(|directory| directory.slots[self.slot]) else { return Ok(()) };
        let entries = DatabaseStats::mine().map_or(0, |database| database.total.held().entries);
        if !vacuum::is_due(slot.removed, entries) || Steady::now() < slot.vacuum_at {
            return Ok(());
        }
        // Without this the statistics would miss the removals of the last second, and the table would look clean.
        // SAFETY: outside of a transaction.
        unsafe { pg_sys::pgstat_report_stat(true) };
        let dirty = process::transaction(|| {
            let tables = catalog::installed().ok().filter(|_| process::database_is_free())?;
            (!vacuum::is_vacuumed(&tables, slot.removed)).then(|| (tables.schema.clone(), Locks::try_take(&tables)))
        })?;
        let started = Instant::now();
        let (removed, pause) = match dirty {
            // The session that has locked it may be vacuuming it.
            Some((_, None)) => (slot.removed, RETRY_AFTER),
            Some((schema, Some(locks))) => {
                let removed = if vacuum::run(&schema, locks)? { 0 } else { slot.removed };
                (removed, (started.elapsed() * VACUUM_PAUSE_FACTOR).max(RETRY_AFTER))
            }
            None => (0, Duration::ZERO),
        };
        self.update_slot(|slot| *slot = Slot { removed, vacuum_at: Steady::from_now(pause), ..*slot });
        Ok(())
    }
}
