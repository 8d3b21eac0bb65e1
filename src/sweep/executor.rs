//! The sweep through the executor, where policies, triggers or rules have their say.
//!
//! It has no hand: it looks at the whole table and removes a batch. Must never wait for a row.

use super::step::Step;
use crate::datum::Timestamp;
use crate::home::Home;
use crate::statement::{IntoParam, Statement, statement};
use crate::wake;
use cache_pg_rules::pace::Found;

static SWEEP: Statement = statement!("sweep.sql", [TIMESTAMPTZOID, INT4OID]);

/// Removes up to `most` rows that are due at `now`, as the current user, and returns how many.
pub fn remove(home: &Home, most: u32, now: Timestamp) -> u32 {
    let removed = SWEEP.write(home, &[now.param(), (most as i32).param()], |rows| rows.len() as u32);
    if removed > 0 {
        wake::all_at_end();
    }
    removed
}

/// The same as a step of a turn: the table counts as one page, which is walked when less than a batch was due. Nothing
/// is known of the rows that stay: it counts as passed over. When the next row is due is not known, so the next visit
/// is one interval away.
pub fn step(home: &Home, most: u32, now: Timestamp) -> Step {
    let removed = remove(home, most, now);
    let complete = removed < most;
    let full = u64::from(if complete { 0 } else { removed });
    Step {
        pages: 1,
        walked: complete.into(),
        read: 0,
        next: (!complete).into(),
        found: Found { rows: full, due: full },
        removed,
        next_due: Some(now.0),
        lag: 0,
        evicted: 0,
    }
}
