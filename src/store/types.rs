//! The types that the verbs of the store take and return.
//!
//! Owns the types of the arguments and results that several verbs share. Must never touch the table.

use crate::namespaces::Deadline;
use crate::pg::{Jsonb, Steady, Timestamp, Xid8};
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
}

/// An entry to be written.
pub struct NewEntry<'a> {
    pub key: Key<'a>,
    pub value: Jsonb,
    /// When the entry was set. The deadline counts from here.
    pub set_at: Timestamp,
    pub deadline: Deadline,
}

/// A live entry.
pub struct Fresh {
    pub value: Jsonb,
    pub expires_at: Timestamp,
    /// How long the value took to compute, in microseconds. None: unknown.
    pub load_us: Option<i64>,
}

/// The result of a look-up.
pub enum Look {
    Fresh(Fresh),
    /// A value past its deadline, within the `stale_for` of its namespace.
    Stale(Jsonb),
    Miss,
}

/// The answer to a request for the right to compute a value. `T` is what the right comes with: nothing but the lease in
/// the row, or a token.
#[derive(Default)]
pub enum LeaseOutcome<T> {
    /// The caller has the right.
    Granted(T),
    /// Another transaction has stored a value meanwhile.
    Overtaken(Jsonb),
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
