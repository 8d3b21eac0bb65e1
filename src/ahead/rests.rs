//! The keys and namespaces whose loads fail, in shared memory.
//!
//! Owns how long each is left alone, behind one lightweight lock: a key after its first failure, a namespace once
//! [`ahead::BRAKE`] loads in a row have failed, whatever their keys. Must never be locked together with another lock.

use super::load::{End, Kind, Load};
use crate::pg::{Steady, backend};
use cache_pg_rules::{ahead, backoff};
use pgrx::pg_sys::Oid;
use pgrx::{PGRXSharedMemory, PgLwLock, pg_shmem_init};
use std::collections::HashSet;
use std::time::Duration;

/// How many keys and namespaces are known at most. Beyond that the one that is free again first is forgotten.
const RESTS: usize = 512;

/// So long after its rest a failure no longer counts: since then nothing of it was to be loaded.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// A key or a namespace, by its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Of {
    Key(u64),
    Namespace(u64),
}

#[derive(Clone, Copy)]
struct Rest {
    /// InvalidOid: free.
    database: Oid,
    of: Of,
    /// The hash of its namespace.
    namespace: u64,
    /// Failures in a row.
    failures: u32,
    /// Nothing of it is loaded before this moment.
    until: Steady,
}

struct Rests {
    all: [Rest; RESTS],
    /// Whether there was a failure, so that they are worth a look.
    is_used: bool,
}

// SAFETY: plain data, no pointers.
unsafe impl PGRXSharedMemory for Rests {}

// SAFETY: the name is used once.
static ALL: PgLwLock<Rests> = unsafe { PgLwLock::new(c"cache_pg load failures") };

const FREE: Rest = Rest { database: Oid::INVALID, of: Of::Key(0), namespace: 0, failures: 0, until: Steady::PAST };

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    pg_shmem_init!(ALL = Rests { all: [FREE; RESTS], is_used: false });
}

/// The keys and namespaces that are left alone now.
pub struct Resting(HashSet<(Oid, Of)>);

impl Resting {
    /// As it is now.
    pub fn now() -> Self {
        let (rests, now) = (ALL.share(), Steady::now());
        if !rests.is_used {
            return Self(HashSet::new());
        }
        Self(rests.all.iter().filter(|rest| rest.until > now).map(|rest| (rest.database, rest.of)).collect())
    }

    /// Whether a key of this database must wait, by its hash.
    pub fn includes_key(&self, key: u64) -> bool {
        !self.0.is_empty() && self.0.contains(&(backend::database(), Of::Key(key)))
    }

    /// Whether a load must wait.
    pub fn includes(&self, database: Oid, load: &Load) -> bool {
        let is_resting = |of| self.0.contains(&(database, of));
        !self.0.is_empty() && (is_resting(Of::Key(load.key)) || is_resting(Of::Namespace(load.namespace)))
    }
}

/// Records how a load has ended. Returns how many loads of its namespace have failed in a row, up to this one; 0: it
/// has not failed, or says nothing of the namespace.
pub fn record(database: Oid, load: &Load, end: End, chance: f64) -> u32 {
    let (key, namespace) = (Of::Key(load.key), Of::Namespace(load.namespace));
    let mut rests = ALL.exclusive();
    match end {
        End::Skipped | End::GivenBack => 0,
        End::Succeeded | End::GoesOn if !rests.is_used => 0,
        End::Succeeded | End::GoesOn => {
            let is_it = |rest: &&mut Rest| rest.database == database && (rest.of == key || rest.of == namespace);
            rests.all.iter_mut().filter(is_it).for_each(|rest| *rest = FREE);
            0
        }
        End::Failed { is_of_namespace } => {
            // A key that is to be warmed leaves the line when its load fails.
            if !matches!(load.kind, Kind::Warm { .. }) {
                rests.fail(database, (key, load.namespace), 1, chance);
            }
            if is_of_namespace { rests.fail(database, (namespace, load.namespace), ahead::BRAKE, chance) } else { 0 }
        }
    }
}

impl Rest {
    fn failures_in_a_row(&self) -> u32 {
        if Steady::now().since(self.until) > FORGOTTEN_AFTER { 0 } else { self.failures }
    }
}

impl Rests {
    fn find(&mut self, database: Oid, of: Of) -> Option<&mut Rest> {
        self.all.iter_mut().find(|rest| rest.database == database && rest.of == of)
    }

    /// Counts a failure, and returns how many there were in a row; the rests begin with the one of this number.
    fn fail(&mut self, database: Oid, (of, namespace): (Of, u64), first: u32, chance: f64) -> u32 {
        self.is_used = true;
        let failures = self.find(database, of).map_or(0, |rest| rest.failures_in_a_row()).saturating_add(1);
        let pause = backoff::pause((failures + 1).saturating_sub(first), chance);
        let rest = Rest { database, of, namespace, failures, until: Steady::from_now(pause) };
        let free = |rest: &Rest| (rest.database != Oid::INVALID, rest.until);
        if let Some(known) = self.find(database, of) {
            *known = rest;
        } else if let Some(place) = self.all.iter_mut().min_by_key(|rest| free(rest)) {
            *place = rest;
        }
        failures
    }
}

/// How often loads of a namespace have failed in a row, and until when it is left alone; None: it is not.
pub fn of_namespace(database: Oid, namespace: u64) -> (u32, Option<Steady>) {
    let (rests, now) = (ALL.share(), Steady::now());
    let is_it = |rest: &&Rest| rest.database == database && rest.of == Of::Namespace(namespace);
    let found = rests.all.iter().find(is_it);
    found.map_or((0, None), |rest| (rest.failures_in_a_row(), Some(rest.until).filter(|&until| until > now)))
}

/// A caller has computed the value of a key of this database: its load is tried again when it is due.
pub fn forget_key(key: u64) {
    let database = backend::database();
    let is_it = |rest: &Rest| rest.database == database && rest.of == Of::Key(key);
    let is_known = {
        let rests = ALL.share();
        rests.is_used && rests.all.iter().any(is_it)
    };
    if is_known {
        ALL.exclusive().all.iter_mut().filter(|rest| is_it(rest)).for_each(|rest| *rest = FREE);
    }
}

/// A namespace of this database has other options: its loads are tried again.
pub fn forget_namespace(namespace: u64) {
    let database = backend::database();
    let is_it = |rest: &&mut Rest| rest.database == database && rest.namespace == namespace;
    ALL.exclusive().all.iter_mut().filter(is_it).for_each(|rest| *rest = FREE);
}

/// A database is gone: forgets all that is known of it.
pub fn drop_database(database: Oid) {
    let is_its = |rest: &&mut Rest| rest.database == database;
    ALL.exclusive().all.iter_mut().filter(is_its).for_each(|rest| *rest = FREE);
}
