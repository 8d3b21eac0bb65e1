//! Making room, and giving it back: what a sweeper does beside its turns when entries are to go, or have gone.

use super::evictor::Evictor;
use super::sweeper::Sweeper;
use super::vacuum::{self, Locks};
use super::{process, walk};
use crate::catalog;
use crate::catalog::ExtensionTables;
use crate::pg::clock::Steady;
use crate::shared::directory::{self, Slot};
use crate::shared::flags;
use crate::stats::memory;
use pgrx::pg_sys;
use std::time::{Duration, Instant};

/// The most entries that a step evicts: until it commits they are still to be seen, while others take their room.
const EVICT_ROWS: u32 = 250;
/// The most pages that a step reads to make room.
const EVICT_PAGES: u32 = 256;
/// To go round the table in vain so often is enough.
const FRUITLESS: u64 = 8;
/// How many times as long as a vacuum took the next one waits.
const BETWEEN_VACUUMS: u32 = 2;
/// How long to leave a table alone that somebody else has locked.
const LOCKED: Duration = Duration::from_millis(100);

impl Sweeper {
    /// Evicts, if room is needed, and returns how many rows that removed.
    pub(super) fn make_room(&mut self, tables: &ExtensionTables, most: u32) -> u32 {
        let Some(mut evictor) = self.evictor(tables) else { return 0 };
        let step = walk::evict(self.slot, tables, EVICT_PAGES, most.min(EVICT_ROWS), &mut evictor);
        // After a while in which nothing could be evicted, what is left is not to be had.
        self.fruitless = if step.evicted > 0 { 0 } else { self.fruitless + step.read };
        if evictor.goes_on() && u64::from(self.fruitless) < u64::from(step.pages) * FRUITLESS {
            flags::press(self.slot);
        }
        step.removed
    }

    /// What is to go, if room is needed. Whoever needs some from now on says so anew.
    fn evictor(&self, tables: &ExtensionTables) -> Option<Evictor> {
        if flags::relieve(self.slot) { Evictor::of(tables) } else { None }
    }

    /// Gives room back, when much was removed.
    pub(super) fn vacuum(&self) -> Result<(), String> {
        let Some(slot) = directory::look(|directory| directory.slots[self.slot]) else { return Ok(()) };
        let entries = memory::area().map_or(0, |area| area.total.held().entries);
        if !vacuum::is_due(slot.removed, entries) || Steady::now() < slot.vacuum_at {
            return Ok(());
        }
        // Else the table seems to be clean of what was removed within the last second.
        // SAFETY: outside of a transaction.
        unsafe { pg_sys::pgstat_report_stat(true) };
        let dirty = process::transaction(|| {
            let tables = catalog::installed().ok().filter(|_| process::database_is_free())?;
            (!vacuum::is_clean(&tables, slot.removed)).then(|| (tables.schema.clone(), Locks::try_take(&tables)))
        })?;
        let started = Instant::now();
        let (removed, pause) = match dirty {
            // Who has locked it may be vacuuming it.
            Some((_, None)) => (slot.removed, LOCKED),
            Some((schema, Some(locks))) => {
                let removed = if vacuum::run(&schema, locks)? { 0 } else { slot.removed };
                (removed, (started.elapsed() * BETWEEN_VACUUMS).max(LOCKED))
            }
            None => (0, Duration::ZERO),
        };
        self.update_slot(|slot| *slot = Slot { removed, vacuum_at: Steady::from_now(pause), ..*slot });
        Ok(())
    }
}
