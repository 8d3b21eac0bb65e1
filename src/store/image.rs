//! A row version of `cache_entries`, as it is read and as it is written.
//!
//! Owns the order of the columns and the definition of "live". Must never keep a datum for longer than the scan stays
//! on its row.

use super::tags::{self, Tagged};
use super::types::NewEntry;
use crate::catalog::{ExtensionTables, column};
use crate::entry::{Lease, NEVER, is_live_at, load_time, stored_value, version_of};
use crate::heap::{FullXid, Row, View};
use crate::namespaces::Deadline;
use crate::pg::{TextArray, Timestamp, Value};
use cache_pg_rules::key::Key;
use pgrx::{IntoDatum, pg_sys::Datum};

/// One row version.
#[derive(Debug, Clone, Copy)]
pub struct Image {
    pub key: Datum,
    pub created_at: Timestamp,
    pub version: FullXid,
    pub updated_at: Timestamp,
    pub expires_at: Timestamp,
    pub stale_until: Option<Timestamp>,
    pub lease: Option<Lease>,
    /// How long the value took to compute, in microseconds.
    pub load_us: Option<i64>,
    /// None: the row is a tombstone, a placeholder with a lease, or a key in line to be warmed.
    pub value: Option<Value>,
    pub tagged: Option<Tagged>,
}

impl Image {
    /// A row without a value: the base of every new row version.
    pub fn empty(key: Key, version: FullXid, now: Timestamp) -> Self {
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

    /// The row of a new entry, written by the transaction `version`. It replaces `live`, if there is one. Without a
    /// value it is a tombstone.
    pub fn entry(new: &NewEntry, version: FullXid, live: Option<&Row>, tagged: Option<Tagged>) -> Self {
        let live = live.map(Self::of);
        let Deadline { expires_at, stale_until, keeps } = new.deadline;
        let (expires_at, stale_until) = match live {
            Some(live) if keeps => (live.expires_at, live.stale_until),
            _ => (expires_at, stale_until),
        };
        Self {
            created_at: live.map_or(if new.value.is_some() { new.set_at } else { NEVER }, |live| live.created_at),
            expires_at,
            stale_until,
            value: new.value,
            tagged: new.tagged(tagged),
            ..Self::empty(new.key, version, new.set_at)
        }
    }

    /// The row that a scan stands on, with the values as they are stored.
    pub fn of(row: &Row) -> Self {
        // The last column first, so that the tuple is deformed once.
        let generations = row.datum(column::TAG_GENERATIONS);
        let word = |column| row.get::<i64>(column);
        let moment = |column| row.get::<Timestamp>(column);
        Self {
            key: row.datum(column::KEY).unwrap_or(Datum::null()),
            created_at: moment(column::CREATED_AT).unwrap_or(NEVER),
            version: version_of(row),
            updated_at: moment(column::UPDATED_AT).unwrap_or(NEVER),
            expires_at: moment(column::EXPIRES_AT).unwrap_or(NEVER),
            stale_until: moment(column::STALE_UNTIL),
            lease: moment(column::LEASE_UNTIL).zip(word(column::LEASE_ID)).map(|(until, id)| Lease { until, id }),
            load_us: word(column::LOAD_US).and_then(load_time),
            value: stored_value(row),
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
            self.value.and_then(Value::json).map(|json| json.0),
            self.value.and_then(Value::bytes).map(|bytes| bytes.0),
            self.tagged.map(|tagged| tagged.tags.0),
            self.tagged.map(|tagged| tagged.generations),
        ]
    }
}

/// Whether a row holds a live entry: it has a value, its deadline has not come, and none of its tags was invalidated.
pub fn is_live(tables: &ExtensionTables, row: &Row, now: Timestamp, view: View) -> bool {
    is_live_at(row, now) && tags::hold(tables, row, view)
}
