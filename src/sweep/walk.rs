//! One step of a turn: it skips the ranges in which nothing is due, and reads the others.
//!
//! Owns the order of the protocol of [`Ranges`] and of [`refreshes`]: raise, snapshot, read, lower. Must never run
//! above READ COMMITTED, because every snapshot must be a new one.

use super::entries::{self, By};
use super::{estimate, evictor::Evictor};
use crate::pg::{Timestamp, under_transaction};
use crate::shared::{ranges::Ranges, refreshes};
use crate::{catalog::ExtensionTables, evict::file, settings, stats::turns};
use cache_pg_rules::{pace::LONGEST_QUIET, ranges::at_latest, step::Step};
use pgrx::pg_sys::BlockNumber;

/// Reads up to `pages` pages from `from` on and removes up to `most` rows that are due at `now`. It skips ranges in
/// which nothing is due, except in a `whole` turn. None: the table is gone.
///
/// Runs in the current transaction, which has locked the table.
pub fn step(
    (slot, whole): (usize, bool),
    tables: &ExtensionTables,
    from: BlockNumber,
    pages: BlockNumber,
    most: u32,
    now: Timestamp,
) -> Option<Step> {
    entries::open(tables, By::Sweeper, |entries| {
        let total = entries.pages();
        let Some(ranges) = Ranges::of(slot, entries.file(), total, turns::discard_count) else {
            let step = entries.step(from, pages, most, now);
            step.next_look.into_iter().for_each(|at| refreshes::leave(slot, from, at));
            return step;
        };
        let first = if from < total { from } else { 0 };
        let mut step = Step { pages: total, next: first, ..Step::default() };
        while step.next < total {
            let page = step.next;
            let end = ranges.end_of(page).min(total);
            let bound = ranges.bound(page);
            if !whole && ranges.starts_at(page) && bound > now.0 && refreshes::bound(slot, page) > now.0 {
                step.leave(bound);
                refreshes::pass(slot, page);
                step.next = end;
                continue;
            }
            if step.read >= pages || step.removed >= most {
                break;
            }
            let part_end = end.min(page.saturating_add(pages - step.read));
            if ranges.starts_at(page) {
                ranges.raise(page, at_latest(now.0, LONGEST_QUIET, settings::sweep_interval()));
                refreshes::raise(slot, page);
            }
            let part = under_transaction(|| entries.walk(page, part_end, most - step.removed, now, None));
            // A part that stopped on its first page is not resumed by the next step, but begins again.
            let broken_off = (part.next == page).then_some(now.0);
            if let Some(deadline) = part.next_due.into_iter().chain(broken_off).min() {
                ranges.lower(page, deadline);
            }
            if let Some(at) = part.next_look {
                refreshes::leave(slot, page, at);
            }
            step.leave(ranges.bound(page));
            step.add(part);
        }
        step.walked = step.next.saturating_sub(first).max(1);
        if step.next >= total {
            step.next = 0;
        }
        step
    })
}

/// Evicts up to `most` entries from up to `pages` pages, from where the last eviction by the sweeper or a writer
/// stopped. If the table was truncated meanwhile it evicts nothing, because the excess is gone.
pub fn evict(slot: usize, tables: &ExtensionTables, pages: BlockNumber, most: u32, evictor: &mut Evictor) -> Step {
    let evicted = entries::open(tables, By::Other, |entries| {
        if !file::is_known() {
            // The next step decides by what is found here.
            under_transaction(|| estimate::estimate_if_unknown(entries));
            return Step::default();
        }
        if Ranges::are_of_another_file(slot, entries.file()) {
            Ranges::of(slot, entries.file(), entries.pages(), turns::discard_count);
            return Step::default();
        }
        under_transaction(|| evictor.evict_pages(entries, pages, most))
    });
    evicted.unwrap_or_default()
}
