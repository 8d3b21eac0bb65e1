//! What the verbs of the store take and return.

use crate::namespaces::Deadline;
use crate::pg::clock::Steady;
use crate::pg::datum::{Jsonb, Timestamp, Xid8};
use cache_pg_rules::key::Key;

/// What must hold for a write to happen.
#[derive(Clone, Copy)]
pub enum Condition {
    /// Nothing.
    Always,
    /// No live entry has the key.
    Absent,
    /// A live entry has the key.
    Live,
    /// A live entry has the key, last written by this transaction.
    Version(Xid8),
}

/// An entry to be written.
pub struct New<'a> {
    pub key: Key<'a>,
    pub value: Jsonb,
    /// When it was set: the moment that the deadline counts from.
    pub set_at: Timestamp,
    pub deadline: Deadline,
}

/// A live entry.
pub struct Fresh {
    pub value: Jsonb,
    pub expires_at: Timestamp,
    /// Microseconds that it took to compute.
    pub load_us: Option<i64>,
}

/// What there is.
pub enum Look {
    Fresh(Fresh),
    /// A value past its deadline, within the `stale_for` of its namespace.
    Stale(Jsonb),
    Miss,
}

/// What came of asking for the right to compute a value. `T` is what it is granted with: nothing more than the lease in
/// the row, or a token.
#[derive(Default)]
pub enum Claim<T> {
    /// It is the caller's.
    Granted(T),
    /// Somebody has stored a value meanwhile.
    Overtaken(Jsonb),
    /// Somebody else is computing it; when to look again, where that does not depend on being woken.
    Taken(Steady),
    /// Another transaction holds the row, and computes nothing: it may end at once, or never.
    Beside,
    /// Not to be had here: what would be stored could be stale, or nothing may be written.
    #[default]
    No,
}

impl<T> Claim<T> {
    /// What it was granted with.
    pub(super) fn granted(self) -> Option<T> {
        match self {
            Self::Granted(with) => Some(with),
            _ => None,
        }
    }

    pub(super) fn map<U>(self, with: impl FnOnce(T) -> U) -> Claim<U> {
        match self {
            Self::Granted(granted) => Claim::Granted(with(granted)),
            Self::Overtaken(value) => Claim::Overtaken(value),
            Self::Taken(until) => Claim::Taken(until),
            Self::Beside => Claim::Beside,
            Self::No => Claim::No,
        }
    }
}
