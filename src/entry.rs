//! The meaning of the columns of a row of `cache_entries`.
//!
//! Owns this meaning for any values that fit the types of the columns, because a role that may
//! write the table may write anything. Must never read another table, so nothing here knows tags.

use crate::heap::{FullXid, NO_XID, Row, shape::Column, snapshot};
use crate::pg::{Bytea, Jsonb, Timestamp, Value};
use crate::{catalog::column, settings};
use cache_pg_rules::key::Key;

/// The right to compute a missing value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Until then no other session gets it.
    pub until: Timestamp,
    /// A random number that the holder's token carries.
    pub id: i64,
}

/// `created_at` of a row that replaced nothing live.
pub const NEVER: Timestamp = Timestamp(i64::MIN);

/// The transaction that last wrote the value. [`NO_XID`] for an ID that no transaction can have had.
pub fn version_of(row: &Row) -> FullXid {
    version_in(row).filter(|&version| snapshot::is_possible(version)).unwrap_or(NO_XID)
}

/// Whether the row has a value, JSON or bytes. A row without one is a tombstone, holds a lease, or is [`wanted_until`]
/// some moment.
pub fn has_value(row: &Row) -> bool {
    // The last column first, so that the row is deformed once.
    row.has(column::BYTES) || row.has(column::VALUE)
}

/// The value of a row, copied.
pub fn value_of(row: &Row) -> Option<Value> {
    row.get(column::BYTES).map(Value::Bytes).or_else(|| row.get(column::VALUE).map(Value::Json))
}

/// The value of a row as it is stored, valid while the scan stays on the row.
pub fn stored_value(row: &Row) -> Option<Value> {
    let bytes = row.datum(column::BYTES).map(|datum| Value::Bytes(Bytea(datum)));
    bytes.or_else(|| row.datum(column::VALUE).map(|datum| Value::Json(Jsonb(datum))))
}

fn version_in(row: &Row) -> Option<FullXid> {
    row.datum(column::VERSION).map(|datum| datum.value() as FullXid)
}

fn moment<T>(row: &Row, column: Column<T>) -> Option<i64> {
    row.datum(column).map(|datum| datum.value() as i64)
}

/// Whether the extension cannot have written the row: its key or its version is impossible. Such a row is a miss, and
/// the sweeper removes it. `store::tags` checks the tags, [`due_at`] how long the row is kept.
pub fn is_damaged(row: &Row) -> bool {
    let is_key = row.text(column::KEY).is_some_and(|key| Key::parse(key).is_ok());
    !is_key || !has_possible_version(row)
}

/// Whether a transaction with the row's version can exist.
pub fn has_possible_version(row: &Row) -> bool {
    version_in(row).is_some_and(snapshot::is_possible)
}

/// The longest time that computing a value can take, the longest lease (`cache_pg.lease`): a day, in microseconds.
const LONGEST_LOAD: i64 = 86_400_000_000;
/// In microseconds: the default lease of ten seconds. A session with a shorter lease accepts leases of other sessions
/// up to this.
const USUAL_LEASE: i64 = 10_000_000;
/// In microseconds: a year. No value is kept for longer than this after its deadline.
const LONGEST_GRACE: i64 = 366 * 86_400_000_000;

/// A time that computing a value took, in microseconds. None if it is impossible.
pub fn load_time(micros: i64) -> Option<i64> {
    (0..=LONGEST_LOAD).contains(&micros).then_some(micros)
}

/// The latest end that a lease in force can have. A lease with a later end does not count: otherwise plain SQL could
/// protect a row from eviction, and withhold tokens from all sessions, for any length of time.
pub fn latest_lease(now: Timestamp) -> Timestamp {
    Timestamp(now.0.saturating_add(longest_lease()))
}

fn longest_lease() -> i64 {
    settings::lease().max(USUAL_LEASE)
}

/// The lease of a row, if it has not ended and does not end too late.
pub fn lease_in_force(row: &Row, now: Timestamp) -> Option<Lease> {
    let lease = moment(row, column::LEASE_UNTIL).zip(moment(row, column::LEASE_ID));
    let lease = lease.map(|(until, id)| Lease { until: Timestamp(until), id });
    lease.filter(|lease| lease.until > now && lease.until <= latest_lease(now))
}

/// For how long a key waits in line to be warmed at most: a day, in microseconds.
pub const LONGEST_WAIT: i64 = 86_400_000_000;

/// Until when a worker may load the key of a row without a value, which `cache_warm` has put in line. None: it is not
/// in line. Such a row has a deadline in the future and nothing else. A later deadline than the extension gives does
/// not count, so plain SQL cannot keep a row for longer.
pub fn wanted_until(row: &Row, now: Timestamp) -> Option<i64> {
    let until = end_of_bare(has_value(row), |column| moment(row, column))?;
    (until > now.0 && until <= now.0.saturating_add(LONGEST_WAIT)).then_some(until)
}

/// The deadline of a row that has nothing else: no value, no grace and no lease. `moment` returns its columns.
pub fn end_of_bare(has_value: bool, moment: impl Fn(Column<Timestamp>) -> Option<i64>) -> Option<i64> {
    let is_bare = !has_value && moment(column::STALE_UNTIL).is_none() && moment(column::LEASE_UNTIL).is_none();
    if is_bare { moment(column::EXPIRES_AT) } else { None }
}

/// When a row is due, in microseconds: at its deadline or the end of its grace, but not before the end of a lease on
/// it. A row that the extension would not keep for so long is due at once.
pub fn due_at(row: &Row, now: Timestamp) -> i64 {
    // Reads the last column first: then the row is deformed once.
    let has_value = has_value(row);
    let lease = lease_in_force(row, now);
    let expires_at = moment(row, column::EXPIRES_AT).unwrap_or(i64::MIN);
    let end = moment(row, column::STALE_UNTIL).unwrap_or(expires_at);
    let end = match has_value {
        true => end.max(expires_at).min(expires_at.saturating_add(LONGEST_GRACE)),
        false if wanted_until(row, now).is_some() => end,
        // A tombstone is kept for two leases. Nothing depends on that.
        false if end > now.0.saturating_add(2 * longest_lease()) => i64::MIN,
        false => end,
    };
    lease.map_or(end, |lease| lease.until.0.max(end))
}

/// When a row that the extension writes may be removed, in microseconds. `moment` returns its columns.
pub fn removable_at(moment: impl Fn(Column<Timestamp>) -> Option<i64>) -> i64 {
    let lease_until = moment(column::LEASE_UNTIL);
    let end = moment(column::STALE_UNTIL).or_else(|| moment(column::EXPIRES_AT)).unwrap_or(i64::MAX);
    lease_until.map_or(end, |lease_until| lease_until.max(end))
}

/// Until when a value may be served, in microseconds.
pub fn served_until(row: &Row) -> i64 {
    let expires_at = moment(row, column::EXPIRES_AT).unwrap_or(i64::MIN);
    let end = moment(row, column::STALE_UNTIL).unwrap_or(expires_at);
    end.max(expires_at).min(expires_at.saturating_add(LONGEST_GRACE))
}

/// Whether a row has a value, within its grace or not, and no lease is in force on it.
pub fn may_be_evicted(row: &Row, now: Timestamp) -> bool {
    has_value(row) && lease_in_force(row, now).is_none()
}

/// When a row was written. [`NEVER`] if the row states an impossible time.
pub fn written_at(row: &Row, now: Timestamp) -> Timestamp {
    let written_at = moment(row, column::UPDATED_AT).filter(|at| (0..=now.0).contains(at));
    written_at.map_or(NEVER, Timestamp)
}

/// Whether a row has a value whose deadline has not come. Does not check its tags.
pub fn is_live_at(row: &Row, now: Timestamp) -> bool {
    has_value(row)
        && moment(row, column::EXPIRES_AT).is_some_and(|deadline| deadline > now.0)
        && has_possible_version(row)
}
