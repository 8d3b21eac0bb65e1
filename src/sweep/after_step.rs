//! After a step: recording its result, and the rest until the next step.
//!
//! Owns the end of a turn and the start of the next. Must never read the table.

use super::sweeper::Sweeper;
use crate::pg::{Steady, clock};
use crate::settings;
use crate::shared::{Presence, Slot, Turn, flags};
use crate::stats::{DatabaseStats, NamespaceStats, turns};
use cache_pg_rules::{pace, step::Step};
use std::{sync::atomic::Ordering, time::Duration};

impl Sweeper {
    /// Records a step that took `took`; returns how long to rest.
    pub(super) fn end_step(&mut self, step: Step, took: Duration) -> Duration {
        let turn = &mut self.turn;
        turn.read = turn.read.saturating_add(step.read);
        turn.skipped = turn.skipped.saturating_add(step.walked.saturating_sub(step.read));
        turns::count_step(&step, took);
        let rest = match flags::pressed(self.slot) {
            true => pace::hurried_rest(took),
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

/// Whether a limit may be exceeded: the limit of the cache, or of a namespace, whose limits only a transaction can
/// read.
fn is_room_in_question() -> bool {
    DatabaseStats::mine().is_some_and(|database| settings::limits().are_reached(database.total.held()))
        || NamespaceStats::named().any(|(_, stats)| stats.is_configured.load(Ordering::Relaxed))
}
