//! The types that the verbs of the store take and return.
//!
//! Owns the types of the arguments and results that several verbs share. Must never touch the table.

use super::tags::Tagged;
use crate::heap::Row;
use crate::namespaces::Deadline;
use crate::pg::{Steady, Timestamp, Value, Xid8};
use crate::{catalog::column, entry::stored_value};
use cache_pg_rules::key::Key;

/// The condition under which a write happens.
#[derive(Clone, Copy)]
pub enum Condition {
    /// Unconditional.
    Always,
    /// No live entry has the key.
    Absent,
    /// A live entry has the key.
    Live,
    /// A live entry has the key, and this transaction wrote it last.
    Version(Xid8),
    /// A live entry has the key, with this value.
    Holds(Value),
    /// No live entry has the key, or one with this value.
    AbsentOrHolds(Value),
}

impl Condition {
    /// Whether it is met where `live` is the row of the live entry.
    pub fn is_met(self, live: Option<&Row>) -> bool {
        let holds = |value: Value| live.and_then(stored_value).is_some_and(|stored| stored.equals(value));
        match self {
            Self::Always => true,
            Self::Absent => live.is_none(),
            Self::Live => live.is_some(),
            Self::Version(version) => live.is_some_and(|row| row.datum(column::VERSION) == Some(version.0)),
            Self::Holds(value) => holds(value),
            Self::AbsentOrHolds(value) => live.is_none() || holds(value),
        }
    }
}

/// An entry to be written.
pub struct NewEntry<'a> {
    pub key: Key<'a>,
    /// None: the deadline has come already, so a tombstone is written.
    pub value: Option<Value>,
    /// When the entry was set. The deadline counts from here.
    pub set_at: Timestamp,
    pub deadline: Deadline,
}

impl NewEntry<'_> {
    /// The tags that its row gets: a tombstone has none.
    pub(super) fn tagged(&self, tagged: Option<Tagged>) -> Option<Tagged> {
        tagged.filter(|_| self.value.is_some())
    }

    /// Whether a crash may forget it: a tombstone it may not.
    pub(super) fn may_be_forgotten(&self) -> bool {
        self.value.is_some()
    }
}

/// A live entry.
pub struct Fresh {
    pub value: Value,
    pub expires_at: Timestamp,
    /// How long the value took to compute, in microseconds. None: unknown.
    pub load_us: Option<i64>,
}

/// The result of a look-up.
pub enum Look {
    Fresh(Fresh),
    /// A value past its deadline, within the `stale_for` of its namespace.
    Stale(Value),
    Miss,
}

/// The answer to a request for the right to compute a value. `T` is what the right comes with: nothing but the lease in
/// the row, or a token.
#[derive(Default)]
pub enum LeaseOutcome<T> {
    /// The caller has the right.
    Granted(T),
    /// Another transaction has stored a value meanwhile.
    Overtaken(Value),
    /// Another caller computes the value. The time says when to look again if no wake-up comes.
    Taken(Steady),
    /// Another transaction holds the row and computes nothing. It may end at once, or never.
    Blocked,
    /// Refused: a value stored now could be stale, or the caller may not write.
    #[default]
    Refused,
}

impl<T> LeaseOutcome<T> {
    /// What the right comes with.
    pub(super) fn granted(self) -> Option<T> {
        match self {
            Self::Granted(with) => Some(with),
            _ => None,
        }
    }

    pub(super) fn map<U>(self, with: impl FnOnce(T) -> U) -> LeaseOutcome<U> {
        match self {
            Self::Granted(granted) => LeaseOutcome::Granted(with(granted)),
            Self::Overtaken(value) => LeaseOutcome::Overtaken(value),
            Self::Taken(until) => LeaseOutcome::Taken(until),
            Self::Blocked => LeaseOutcome::Blocked,
            Self::Refused => LeaseOutcome::Refused,
        }
    }
}
