//! One step of the CLOCK hand: it reads some pages and removes the rows that are due.
//!
//! A row is due when its deadline and grace are over, or when one of its tags was invalidated. Owns the removal: it
//! gives up on a row that another transaction holds. Must never wait, nor remove a row that the caller of
//! `cache_sweep()` may not see: that caller passes the keys that it sees.

use super::entries::{By, Entries, Evicting, Fate, open_for};
use super::references::{References, place_of};
use crate::ahead::finder;
use crate::catalog::{ExtensionTables, column};
use crate::entry::{due_at, has_value, wanted_until, written_at};
use crate::evict::{growth, growth::footprint};
use crate::heap::{Row, upkeep::remove};
use crate::stats::{Counter, LONGEST, StatsOfRows, bounded};
use crate::{pg::Timestamp, wake};
use cache_pg_rules::step::Step;
use pgrx::pg_sys::{self, BlockNumber};
use std::{collections::HashSet, ops::ControlFlow};

/// Reads up to `pages` pages from `from` on and removes up to `most` rows that are due at `now`. `only` lists the keys
/// that may be removed; without it all may. Returns None if the table is gone.
///
/// Runs in the current transaction, which has locked the table, under the active snapshot.
pub fn step(
    tables: &ExtensionTables,
    only: Option<&HashSet<String>>,
    from: BlockNumber,
    pages: BlockNumber,
    most: u32,
    now: Timestamp,
) -> Option<Step> {
    open_for(tables, By::Other, only, |entries| entries.step(from, pages, most, now))
}

impl Entries<'_> {
    /// As [`step`].
    pub fn step(&self, from: BlockNumber, pages: BlockNumber, most: u32, now: Timestamp) -> Step {
        let total = self.pages();
        let first = if from < total { from } else { 0 };
        let end = first.saturating_add(pages.max(1)).min(total);
        let mut step = if total > 0 { self.walk(first, end, most, now, None) } else { Step::default() };
        step.pages = total;
        step.walked = step.next.saturating_sub(first).max(1);
        if step.next >= total {
            step.next = 0;
        }
        step
    }

    /// Reads the existing pages from `from` to before `end`, and removes up to `most` rows that are due at `now` or
    /// chosen by `evicting`. Runs under the active snapshot.
    pub fn walk(
        &self,
        from: BlockNumber,
        end: BlockNumber,
        most: u32,
        now: Timestamp,
        mut evicting: Option<&mut dyn Evicting>,
    ) -> Step {
        let mut step = Step { next: end, ..Step::default() };
        let unreferenced = References::of(self.tables)
            .map(|references| self.lock_removable((from, end), most, now, evicting.as_deref(), &references));
        let mut known = self.known_tags();
        let mut rows = StatsOfRows::default();
        self.walk_rows((from, end - 1), |row, tid| {
            // SAFETY: the scan stands on the row.
            let place = place_of(unsafe { &*tid });
            if step.removed >= most {
                // The rest of this page is left to the next step.
                step.next = place.0;
                return ControlFlow::Break(());
            }
            step.found.rows += 1;
            if !self.may_remove(row) {
                return ControlFlow::Continue(());
            }
            let fate = match &unreferenced {
                Some(unreferenced) => unreferenced.get(&place).copied(),
                None => self.fate(row, now, &mut known, evicting.as_deref()),
            };
            // SAFETY: the active snapshot sees the row.
            let removed =
                |_| unsafe { remove(self.relation, row, pg_sys::GetActiveSnapshot(), unreferenced.is_some()) };
            let is_removed = fate.is_some_and(removed);
            self.record_row(&mut step, &mut rows, row, now, (fate, is_removed));
            if let Some(evicting) = evicting.as_deref_mut().filter(|_| is_removed && fate == Some(Fate::Evicted)) {
                evicting.evicted(row, now);
            }
            ControlFlow::Continue(())
        });
        step.read = step.next.saturating_sub(from).max(1);
        step
    }

    /// Records a row: why it was to be removed, and whether it was.
    fn record_row(
        &self,
        step: &mut Step,
        rows: &mut StatsOfRows,
        row: &Row,
        now: Timestamp,
        (fate, is_removed): (Option<Fate>, bool),
    ) {
        let is_due = fate == Some(Fate::Due);
        step.found.due += u64::from(is_due);
        if is_removed {
            record_removed(step, rows, row, now, is_due);
        } else if self.by == By::Sweeper {
            // Only the sweeper asks what remains. Nearly every row remains, so another caller saves this.
            record_remaining(step, rows, row, now, is_due);
            if !is_due && let Some(again) = finder::look(self.tables, row, now) {
                step.look_again(again);
            }
        }
    }
}

/// Records a row that stays: when its range is to be read again, and its share of the counts.
fn record_remaining(step: &mut Step, rows: &mut StatsOfRows, row: &Row, now: Timestamp, is_due: bool) {
    // A row that a foreign key points at is looked at again with its range.
    if let Some(again) = if is_due { Some(now.0) } else { Some(due_at(row, now)).filter(|&at| at > now.0) } {
        step.leave(again);
    }
    if wanted_until(row, now).is_none()
        && let Some(stats) = row.text(column::KEY).and_then(|key| rows.of(key))
    {
        stats.rows.count(!is_due && has_value(row), footprint(row));
    }
}

/// Records a row that was removed.
fn record_removed(step: &mut Step, rows: &mut StatsOfRows, row: &Row, now: Timestamp, is_due: bool) {
    // The primary key is never NULL.
    let Some(key) = row.text(column::KEY) else { return };
    let has_value = has_value(row);
    step.removed += 1;
    step.evicted += u32::from(!is_due);
    wake::at_end(key);
    if has_value {
        growth::record_removal(key, row);
    }
    if is_due {
        // A row cannot be due before it was written. If the time of the write is unknown, so is the lag.
        let due_since = written_at(row, now).0.max(due_at(row, now));
        let lag = if due_since < 0 { 0 } else { now.0.saturating_sub(due_since) };
        step.lag = step.lag.max(bounded(lag, LONGEST) as i64);
        rows.of(key).inspect(|stats| stats.counters.add(Counter::Expired, has_value.into()));
    }
}
