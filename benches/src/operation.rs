//! What is asked of a cache: the rows of the tables.
//!
//! Must never name a contender.

/// How many keys the operations on many have.
pub const MANY: usize = 100;

/// One kind of request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Operation {
    /// Reads a key that is there.
    GetHit,
    /// Reads a key that is not.
    GetMiss,
    /// Reads a hundred keys that are there, in one request.
    GetMany,
    /// Stores under a key that is not there.
    SetNew,
    /// Stores under a key that is.
    SetExisting,
    /// Stores under a hundred keys that are there, in one request.
    SetMany,
    /// Deletes a key that [`Operation::SetNew`] has stored.
    Delete,
    /// Counts one up.
    Incr,
    /// Nine reads of a key that is there to one that is stored.
    Mixed,
}

impl Operation {
    /// All, in the order of the tables. What is deleted has been set before.
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

    /// What a table calls it.
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

    /// How many keys one request has: tables show keys a second.
    pub fn keys(self) -> usize {
        match self {
            Self::GetMany | Self::SetMany => MANY,
            _ => 1,
        }
    }
}
