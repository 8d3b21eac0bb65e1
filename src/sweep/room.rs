//! What a sweeper does besides its turns: evicting entries, and running VACUUM after removals.
//!
//! Owns when either is done. Must never wait.

use super::vacuum::{self, Locks};
use super::{evictor::Evictor, process, sweeper::Sweeper, walk};
use crate::catalog::{self, ExtensionTables};
use crate::pg::Steady;
use crate::shared::{Slot, directory, flags};
use crate::stats::DatabaseStats;
use pgrx::pg_sys;
use std::time::{Duration, Instant};

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

    /// What is to be evicted, if room is needed. Clears the request first; a writer that needs room later sets it
    /// again.
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
