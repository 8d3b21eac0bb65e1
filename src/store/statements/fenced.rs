//! Leases and fills as statements.
//!
//! Owns how they avoid waiting. A row that another transaction holds is skipped (SKIP LOCKED). Only an insertion could
//! wait, for another transaction that inserts the same key. So a look below the executor comes first, and after that a
//! `lock_timeout` of a millisecond bounds the wait. The caller catches what still raises. Must never wait longer than
//! that.

use super::entry;
use crate::entry::{Lease, latest_lease, lease_in_force, load_time};
use crate::heap::{Contention, Decision, Seen, Table, change, snapshot};
use crate::pg::{LocalSettings, Steady, attempt_despite_contention, clock};
use crate::statement::{IntoParam, Param, Rows, Statement, statement};
use crate::store::types::{Fresh, LeaseOutcome, Look, NewEntry};
use crate::store::{fence, flight, open, tags::Tagged};
use crate::{access::Access, error::CacheError};
use cache_pg_rules::key::Key;

static LOOK: Statement = statement!("look.sql", [TEXTOID, TIMESTAMPTZOID]);
static LEASE: Statement =
    statement!("lease.sql", [TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, TEXTOID, BOOLOID, TIMESTAMPTZOID]);
static LEASE_ABSENT: Statement = statement!("lease_absent.sql", [TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID]);
static RELEASE: Statement = statement!("release.sql", [TEXTOID, INT8OID]);
static FILL: Statement = statement_of_entry!("fill.sql", INT8OID, INT8OID, TEXTOID, BOOLOID, BOOLOID);
static FILL_ABSENT: Statement = statement_of_entry!("fill_absent.sql", INT8OID);

/// Looks up a key. `latest`: in what is committed by now, else in what the calling statement sees.
pub fn look(access: &Access, key: Key, latest: bool) -> Look {
    let params = [key.as_str().param(), clock::now().param()];
    let looked = |rows: &Rows| {
        let (Some(value), Some(expires_at)) = (rows.value(0, 1), rows.get(0, 3)) else {
            return Look::Miss;
        };
        match rows.get::<bool>(0, 5) {
            Some(true) => Look::Fresh(Fresh { value, expires_at, load_us: rows.get(0, 4).and_then(load_time) }),
            _ => Look::Stale(value),
        }
    };
    access.run(|tables| if latest { LOOK.write(tables, &params, looked) } else { LOOK.read(tables, &params, looked) })
}

/// Writes a lease into the row of a key, or into a new row.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn lease(
    access: &Access,
    key: Key,
    lease: Lease,
    seen: &Seen,
    also_live: bool,
) -> Result<LeaseOutcome<()>, CacheError> {
    let now = clock::now();
    let params = [
        key.as_str().param(),
        now.param(),
        lease.until.param(),
        lease.id.param(),
        text_of(seen).param(),
        also_live.param(),
        latest_lease(now).param(),
    ];
    let granted = match row_state(access, key, seen)? {
        RowState::Held(claim) => return Ok(claim),
        RowState::Overtaken => return Ok(LeaseOutcome::Refused),
        RowState::Absent => write_fenced(access, &LEASE_ABSENT, &params[..4], key, seen),
        RowState::Present => write_fenced(access, &LEASE, &params, key, seen),
    };
    if granted { Ok(LeaseOutcome::Granted(())) } else { outcome_of_refusal(access, key) }
}

/// Why a lease was refused: another caller has a lease, or another transaction holds the row.
fn outcome_of_refusal(access: &Access, key: Key) -> Result<LeaseOutcome<()>, CacheError> {
    open::examining(access, |table| {
        let lease = change(table, key.as_str(), Contention::GiveUp, |row| {
            Decision::Leave(row.and_then(|row| lease_in_force(row, clock::now())))
        });
        Ok(match lease {
            Some(Some(lease)) => LeaseOutcome::Taken(Steady::when(lease.until)),
            Some(None) => LeaseOutcome::Blocked,
            None => flight::outcome_on_held_row(table, key),
        })
    })
}

/// Stores a value under the lease `lease_id`.
pub fn fill(access: &Access, new: &NewEntry, lease_id: i64, seen: &Seen, tagged: Option<Tagged>, load_us: i64) -> bool {
    let params = fill_params(new, tagged, load_us, Some(lease_id), seen);
    update(access, &FILL, &params)
}

/// Stores a value that this transaction has computed under `seen`, which is still the active snapshot.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn fill_unleased(
    access: &Access,
    new: &NewEntry,
    seen: &Seen,
    tagged: Option<Tagged>,
    load_us: i64,
) -> Result<bool, CacheError> {
    let params = fill_params(new, tagged, load_us, None, seen);
    Ok(match row_state(access, new.key, seen)? {
        RowState::Held(_) | RowState::Overtaken => false,
        RowState::Absent => write_fenced(access, &FILL_ABSENT, &params[..9], new.key, seen),
        RowState::Present => write_fenced(access, &FILL, &params, new.key, seen),
    })
}

/// Writes the row of a key; returns whether it did. It gives up where it would have to wait, or where a version that
/// `seen` does not see turns out to have been removed. That is checked after the write: from then on no other
/// transaction can write and remove the key unseen, but before it a trigger may have taken its time.
fn write_fenced(access: &Access, statement: &Statement, params: &[Param], key: Key, seen: &Seen) -> bool {
    let written = attempt_despite_contention(access.refusals(), || {
        let _lock_timeout = LocalSettings::new(&[(c"lock_timeout", "1ms")]);
        let written = update(access, statement, params);
        let passes = |table: &Table| Ok(fence::nothing_was_removed(table, key, seen));
        match open::examining(access, passes) {
            Ok(passes) if written && !passes => CacheError::Serialization.raise(),
            Err(error) => error.raise(),
            Ok(_) => {}
        }
        written
    });
    written.unwrap_or(false)
}

/// Runs a statement that writes the row of a key; returns whether it did.
fn update(access: &Access, statement: &Statement, params: &[Param]) -> bool {
    access.run(|tables| statement.write(tables, params, |rows| rows.len() > 0))
}

/// Gives the lease `lease_id` back; returns whether it was there.
pub fn release(access: &Access, key: Key, lease_id: i64) -> bool {
    let params = [key.as_str().param(), lease_id.param()];
    access.run(|tables| RELEASE.write(tables, &params, |rows| rows.len() > 0))
}

/// A new entry, how long it took to compute, the lease, and what it was computed from.
fn fill_params(new: &NewEntry, tagged: Option<Tagged>, load_us: i64, lease_id: Option<i64>, seen: &Seen) -> Vec<Param> {
    let sees_own = snapshot::current_if_assigned().is_some_and(|own| seen.vouches_for(own));
    let further =
        [load_us.param(), lease_id.param(), text_of(seen).param(), sees_own.param(), new.deadline.keeps.param()];
    entry::params(new, tagged).into_iter().chain(further).collect()
}

/// In the text format of `pg_snapshot`.
fn text_of(seen: &Seen) -> String {
    let running: Vec<String> = seen.running.iter().map(u64::to_string).collect();
    format!("{}:{}:{}", seen.xmin, seen.xmax, running.join(","))
}

/// What a statement that is to write the row of a key will find.
enum RowState {
    Absent,
    Present,
    /// Another transaction is writing it. It holds the answer to a request for a lease.
    Held(LeaseOutcome<()>),
    /// `seen` misses a write to it, and the row may be gone.
    Overtaken,
}

fn row_state(access: &Access, key: Key, seen: &Seen) -> Result<RowState, CacheError> {
    open::examining(access, |table| {
        let newest = change(table, key.as_str(), Contention::GiveUp, |row| {
            Decision::Leave(match row {
                _ if !fence::passes(table, key, row, seen) => RowState::Overtaken,
                Some(_) => RowState::Present,
                None => RowState::Absent,
            })
        });
        Ok(newest.unwrap_or_else(|| RowState::Held(flight::outcome_on_held_row(table, key))))
    })
}
