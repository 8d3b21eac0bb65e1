//! Deleting entries: the safe delete, which leaves a tombstone.
//!
//! A bare DELETE would let a value that was computed before it be stored after it. The tombstone carries the
//! deleting transaction, also where there was no row, and stays for as long as a late value could arrive.

use crate::access::Access;
use crate::clock;
use crate::datum::{Jsonb, Timestamp};
use crate::settings;
use crate::statement::{IntoParam, Param, Statement, statement};
use crate::sweep::directory;
use cache_pg_rules::key::{Key, MAX_KEY_BYTES};
use cache_pg_rules::namespace::KeyRange;

static DELETE: Statement = statement!("delete.sql", [TEXTARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID]);
static LOCK_LIVE: Statement = statement!("lock_live.sql", [TEXTOID]);
static BURY_ABSENT: Statement = statement!("bury_absent.sql", [TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID]);
static CLEAR: Statement = statement!("clear.sql", [TEXTOID, TEXTOID, BOOLOID, TIMESTAMPTZOID, TIMESTAMPTZOID]);

/// How many leases a tombstone outlives: a value may arrive until the lease of its loader has run out, and the
/// lease may have been taken a moment before the tombstone.
const TOMBSTONE_LEASES: i64 = 2;

/// Deletes keys; returns how many live entries went. Locks them in byte order.
pub fn delete(access: &Access, mut keys: Vec<Key>) -> i64 {
    keys.sort_unstable();
    keys.dedup();
    let keys: Vec<&str> = keys.into_iter().map(Key::as_str).collect();
    let (now, until) = tombstone();
    let params = [keys.param(), now.param(), until.param()];
    access.run(|home| DELETE.write(home, &params, |rows| rows.get(0, 1))).unwrap_or(0)
}

/// Deletes a key and returns the live value that went.
pub fn take(access: &Access, key: Key) -> Option<Jsonb> {
    loop {
        let locked = [key.as_str().param()];
        if let Some(value) = access.run_beside_the_hand(|home| LOCK_LIVE.write(home, &locked, |rows| rows.get(0, 1))) {
            delete(access, vec![key]);
            return Some(value);
        }
        let (now, until) = tombstone();
        let params = [key.as_str().param(), now.param(), until.param()];
        if access.run(|home| BURY_ABSENT.write(home, &params, |rows| rows.len() > 0)) {
            return None;
        }
        // Another session set the key in between: its value is the one to take. But a trigger may keep us from
        // writing as often as we try.
        if !access.plain {
            return None;
        }
        pgrx::check_for_interrupts!();
    }
}

/// Deletes every entry within `range`, or all; returns how many were live.
pub fn clear(access: &Access, range: Option<KeyRange>) -> i64 {
    let [from, before, unnamed] = bounds(range);
    let (now, until) = tombstone();
    let params = [from, before, unnamed, now.param(), until.param()];
    access.run_beside_the_hand(|home| CLEAR.write(home, &params, |rows| rows.get(0, 1))).unwrap_or(0)
}

/// The clock, and until when a tombstone stays that is written now.
fn tombstone() -> (Timestamp, Timestamp) {
    directory::note_write();
    let now = clock::now();
    (now, Timestamp(now.0.saturating_add(TOMBSTONE_LEASES * settings::lease())))
}

/// A range as three parameters: from, before, and whether only keys without a namespace count.
pub(super) fn bounds(range: Option<KeyRange>) -> [Param; 3] {
    let unnamed = range == Some(KeyRange::Unnamed);
    let (from, before) = match range {
        Some(KeyRange::Between { from, before }) => (from, before),
        // Longer than any key and of the greatest character: after every key.
        Some(KeyRange::Unnamed) | None => (String::new(), char::MAX.to_string().repeat(MAX_KEY_BYTES / 4 + 1)),
    };
    [from.param(), before.param(), unnamed.param()]
}
