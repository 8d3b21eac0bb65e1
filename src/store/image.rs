//! A row of `cache_entries`, as it is read and as it is written.
//!
//! Owns what the columns mean and what "live" is. Must never keep a datum longer than the scan stays on its row.

use super::tags::{self, Tagged};
use crate::datum::{Jsonb, TextArray, Timestamp};
use crate::heap::row::Row;
use crate::heap::scan::View;
use crate::heap::snapshot::Version;
use crate::home::{Home, column};
use crate::stats::census;
use cache_pg_rules::key::Key;
use pgrx::IntoDatum;
use pgrx::pg_sys::Datum;

/// The right to compute a value that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Until when nobody else gets it.
    pub until: Timestamp,
    /// A random number that the holder's token carries.
    pub id: i64,
}

/// One version of a row.
#[derive(Debug, Clone, Copy)]
pub struct Image {
    pub key: Datum,
    pub created_at: Timestamp,
    pub version: Version,
    pub updated_at: Timestamp,
    pub expires_at: Timestamp,
    pub stale_until: Option<Timestamp>,
    pub lease: Option<Lease>,
    /// Microseconds that it took to compute the value.
    pub load_us: Option<i64>,
    /// None: a tombstone, or the placeholder of somebody who computes a value.
    pub value: Option<Jsonb>,
    pub tagged: Option<Tagged>,
}

/// `created_at` where nothing was live before.
pub const NEVER: Timestamp = Timestamp(i64::MIN);

impl Image {
    /// A row that holds nothing: every key starts like this.
    pub fn empty(key: Key, version: Version, now: Timestamp) -> Self {
        Self {
            key: key.as_str().into_datum().unwrap_or(Datum::null()),
            created_at: NEVER,
            version,
            updated_at: now,
            expires_at: now,
            stale_until: None,
            lease: None,
            load_us: None,
            value: None,
            tagged: None,
        }
    }

    /// The row that a scan stands on, values as they are stored.
    pub fn of(row: &Row) -> Self {
        // The last column first: then the row is deformed once.
        let generations = row.datum(column::TAG_GENERATIONS);
        let word = |column| row.datum(column).map(|datum| datum.value() as i64);
        let moment = |column| word(column).map(Timestamp);
        Self {
            key: row.datum(column::KEY).unwrap_or(Datum::null()),
            created_at: moment(column::CREATED_AT).unwrap_or(NEVER),
            version: version_of(row),
            updated_at: moment(column::UPDATED_AT).unwrap_or(NEVER),
            expires_at: moment(column::EXPIRES_AT).unwrap_or(NEVER),
            stale_until: moment(column::STALE_UNTIL),
            lease: moment(column::LEASE_UNTIL).zip(word(column::LEASE_ID)).map(|(until, id)| Lease { until, id }),
            load_us: word(column::LOAD_US),
            value: row.datum(column::VALUE).map(Jsonb),
            tagged: row
                .datum(column::TAGS)
                .zip(generations)
                .map(|(tags, generations)| Tagged { tags: TextArray(tags), generations }),
        }
    }

    /// The columns, in the order of `sql/tables.sql`.
    pub fn columns(&self) -> Vec<Option<Datum>> {
        let moment = |moment: Timestamp| Some(Datum::from(moment.0));
        vec![
            Some(self.key),
            moment(self.created_at),
            Some(Datum::from(self.version)),
            moment(self.updated_at),
            moment(self.expires_at),
            self.stale_until.and_then(moment),
            self.lease.and_then(|lease| moment(lease.until)),
            self.lease.map(|lease| Datum::from(lease.id)),
            self.load_us.map(Datum::from),
            self.value.map(|value| value.0),
            self.tagged.map(|tagged| tagged.tags.0),
            self.tagged.map(|tagged| tagged.generations),
        ]
    }
}

/// The transaction that last wrote the value.
pub fn version_of(row: &Row) -> Version {
    row.datum(column::VERSION).map_or(0, |datum| datum.value() as Version)
}

/// When a row may go: at its deadline or the end of its grace, but not before the end of a lease on it. `moment` has
/// its columns.
pub fn removable_at(moment: impl Fn(usize) -> Option<i64>) -> i64 {
    // The last column first: then a row is deformed once.
    let lease_until = moment(column::LEASE_UNTIL);
    let end = moment(column::STALE_UNTIL).or_else(|| moment(column::EXPIRES_AT)).unwrap_or(i64::MAX);
    lease_until.map_or(end, |lease_until| lease_until.max(end))
}

/// The bytes that a row takes, with its index entry and what it has out of line.
pub fn footprint(row: &Row) -> u64 {
    let value = row.datum(column::VALUE).map_or(0, |value| Jsonb(value).out_of_line_size());
    census::footprint(row.size(), row.text(column::KEY).map_or(0, str::len), value)
}

/// Whether a row holds a live entry: it has a value, its deadline has not come, and no tag was invalidated since.
pub fn is_live(home: &Home, row: &Row, now: Timestamp, view: View) -> bool {
    is_live_at(row, now) && tags::hold(home, row, view)
}

/// The same, whatever has become of its tags.
pub fn is_live_at(row: &Row, now: Timestamp) -> bool {
    let deadline = row.datum(column::EXPIRES_AT).map(|datum| datum.value() as i64);
    deadline.is_some_and(|deadline| deadline > now.0) && row.has(column::VALUE)
}
