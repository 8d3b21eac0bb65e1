//! Owns the kinds of requests: the rows of the tables.
//!
//! Must never name a contender.

/// How many keys a request for many has.
pub const MANY: usize = 100;

/// One kind of request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Operation {
    /// Reads an existing key.
    GetHit,
    /// Reads a missing key.
    GetMiss,
    /// Reads a hundred existing keys in one request.
    GetMany,
    /// Stores a value under a new key.
    SetNew,
    /// Stores a value under an existing key.
    SetExisting,
    /// Stores values under a hundred existing keys in one request.
    SetMany,
    /// Deletes a key that [`Operation::SetNew`] has stored.
    Delete,
    /// Increments a counter.
    Incr,
    /// Nine reads of an existing key for each set.
    Mixed,
}

impl Operation {
    /// All, in the order of the tables: keys are set before they are deleted.
    pub const ALL: [Self; 9] = [
        Self::GetHit,
        Self::GetMiss,
        Self::GetMany,
        Self::SetNew,
        Self::SetExisting,
        Self::SetMany,
        Self::Delete,
        Self::Incr,
        Self::Mixed,
    ];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::GetHit => "get hit",
            Self::GetMiss => "get miss",
            Self::GetMany => "get_many of 100",
            Self::SetNew => "set new",
            Self::SetExisting => "set existing",
            Self::SetMany => "set_many of 100",
            Self::Delete => "delete",
            Self::Incr => "incr",
            Self::Mixed => "mixed 90/10",
        }
    }

    /// How many keys a request has: tables show keys a second.
    pub fn keys(self) -> usize {
        match self {
            Self::GetMany | Self::SetMany => MANY,
            _ => 1,
        }
    }
}
