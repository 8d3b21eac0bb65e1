//! A load: an entry that is to be recomputed, how that ends, and how many there are.
//!
//! Owns these types. Must never hold a key: a load waits in shared memory, and keys are long.

use crate::pg::Steady;
use cache_pg_rules::ahead::Timing;
use pgrx::pg_sys::Oid;

/// An entry that is to be loaded.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// The hash of its key.
    pub key: u64,
    /// The hash of its namespace.
    pub namespace: u64,
    /// The page of its row.
    pub page: u32,
    pub timing: Timing,
}

impl Load {
    /// Its urgency, where nothing is known of its reads but that there was one since it was stored.
    pub fn urgency(&self, now: i64) -> f64 {
        self.timing.urgency(now.saturating_sub(self.timing.written_at), now)
    }
}

/// How a load has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nothing is wrong with its key.
    Succeeded,
    /// It was not carried out.
    Skipped,
    /// It has failed. With its namespace, or only for itself.
    Failed { is_of_namespace: bool },
}

/// The loads of a database.
#[derive(Debug, Clone, Copy)]
pub struct Queue {
    pub database: Oid,
    /// Those that wait and may be taken.
    pub waiting: usize,
    /// Those that a process loads.
    pub running: usize,
}

/// How the loads of a namespace of this database stand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Standing {
    pub waiting: i32,
    pub running: i32,
    /// Failures in a row.
    pub failures: u32,
    /// Until when the namespace rests after failures.
    pub rests_until: Option<Steady>,
}
