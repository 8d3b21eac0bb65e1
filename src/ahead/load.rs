//! A load: what is to be computed, how that ends, and how many there are.
//!
//! Owns these types. Must never hold a key: a load waits in shared memory, and keys are long.

use crate::pg::Steady;
use cache_pg_rules::ahead::{self, Timing};
use pgrx::pg_sys::Oid;

/// The kinds of loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A live entry, before its deadline.
    Refresh,
    /// The keys of a namespace that are in line to be warmed and have their rows on one page, one after the other.
    Warm { were_read_lately: bool },
    /// The keys that the option `warm` of a namespace names: they are put in line.
    List,
}

/// An entry that is to be loaded.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub kind: Kind,
    /// The hash of its key. Of other kinds than a refresh: a number that no other load of the database has.
    pub key: u64,
    /// The hash of its namespace.
    pub namespace: u64,
    /// The page of its row.
    pub page: u32,
    pub timing: Timing,
}

impl Load {
    /// The load of the keys in line of a namespace on a page; one of them is wanted `until` then.
    /// Several processes may load keys of one page: each takes a `part`, which only tells their loads apart.
    pub fn warming(
        namespace: u64,
        (page, part): (u32, u32),
        were_read_lately: bool,
        (written_at, until): (i64, i64),
    ) -> Self {
        let timing = Timing { written_at, expires_at: until, load: 0, ahead: 0 };
        // Spread, so that the key is hardly ever that of a refresh.
        let key = (namespace ^ u64::from(page) ^ u64::from(part) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { kind: Kind::Warm { were_read_lately }, key, namespace, page, timing }
    }

    /// The listing of the keys of a namespace.
    pub fn listing(namespace: u64, now: i64) -> Self {
        let timing = Timing { written_at: now, expires_at: i64::MAX, load: 0, ahead: 0 };
        Self { kind: Kind::List, key: !namespace, namespace, page: 0, timing }
    }

    /// Its urgency, where nothing is known of its reads but that there was one since it was stored.
    pub fn urgency(&self, now: i64) -> f64 {
        self.urgency_if_read(now.saturating_sub(self.timing.written_at), now)
    }

    /// Its urgency, if the entry is read every so many microseconds.
    pub fn urgency_if_read(&self, every: i64, now: i64) -> f64 {
        match self.kind {
            Kind::Refresh => self.timing.urgency(every, now),
            Kind::Warm { were_read_lately } => ahead::urgency_of_warming(were_read_lately, self.timing.load),
            // It is one query, and all keys of the namespace wait for it.
            Kind::List => f64::INFINITY,
        }
    }

    /// Whether it is the refresh of an entry.
    pub fn is_refresh(&self) -> bool {
        self.kind == Kind::Refresh
    }
}

/// How a load has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nothing is wrong with its key.
    Succeeded,
    /// The same, and there is more of it to do.
    GoesOn,
    /// It was not carried out, because another process must do it.
    GivenBack,
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
