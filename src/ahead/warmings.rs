//! Which namespaces are being warmed, in shared memory.
//!
//! Owns when a warming began, and whether the keys that the option `warm` names were listed since the server started
//! or the namespace was cleared. The keys in line stand in the table of entries. Must never be needed for a load: a
//! namespace that is forgotten here is listed once more, and shown without its beginning.

use super::tally::Tally;
use crate::pg::{Timestamp, backend, clock, transaction};
use crate::shared::{directory, flags, refreshes};
use pgrx::pg_sys::{self, Oid};
use pgrx::{PGRXSharedMemory, PgLwLock, pg_shmem_init};
use std::cell::RefCell;

/// How many namespaces are known, in all databases together. Beyond that the one that was listed first is forgotten.
const MOST: usize = 4096;

#[derive(Clone, Copy)]
struct Warming {
    /// InvalidOid: free.
    database: Oid,
    /// The hash of the namespace.
    namespace: u64,
    /// The hash of the query whose keys were listed; 0: none was.
    listed: u64,
    /// A number for the listing under way; 0: none is.
    listing: u64,
    /// When they were listed, or put in line by a call.
    changed_at: Timestamp,
    /// When the warming under way began; 0: none is under way.
    since: Timestamp,
    /// When the sweeper last met one of its keys.
    seen_at: Timestamp,
    /// The counts when it began.
    before: Tally,
    /// How many keys were in line when that was counted last, when that was, and how long it took, in microseconds.
    counted: (u64, Timestamp, i64),
}

struct Warmings([Warming; MOST]);

// SAFETY: plain data, no pointers.
unsafe impl PGRXSharedMemory for Warmings {}

// SAFETY: the name is used once.
static ALL: PgLwLock<Warmings> = unsafe { PgLwLock::new(c"cache_pg warmings") };

const NONE: Timestamp = Timestamp(0);
const FREE: Warming = Warming {
    database: Oid::INVALID,
    namespace: 0,
    listed: 0,
    listing: 0,
    changed_at: NONE,
    since: NONE,
    seen_at: NONE,
    before: Tally { warmed: 0, failed: 0, null: 0 },
    counted: (0, NONE, 0),
};
/// So many times as long as counting the keys in line took, the count is used again.
const COUNTS_APART: i64 = 20;

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    pg_shmem_init!(ALL = Warmings([FREE; MOST]));
}

/// A change of the current transaction, for its commit.
#[derive(PartialEq, Eq)]
enum Change {
    /// Keys of a namespace were put in line; this had been counted before.
    Begun(u64, Tally),
    /// The namespace, or all, was cleared or configured.
    Unlisted(Option<u64>),
}

thread_local! {
    static CHANGES: RefCell<Vec<Change>> = const { RefCell::new(Vec::new()) };
}

/// From the commit of this transaction on, a warming of a namespace is under way.
pub fn begin_at_commit(namespace: u64, before: Tally) {
    remember(Change::Begun(namespace, before));
}

/// At the commit of this transaction, the keys of a namespace, or of all, are to be listed again.
pub fn list_at_commit(namespace: Option<u64>) {
    remember(Change::Unlisted(namespace));
    // The sweeper looks for lists.
    flags::record_write();
    refreshes::record(0, clock::now().0);
}

fn remember(change: Change) {
    if directory::attached() {
        CHANGES.with_borrow_mut(|changes| {
            let is_known = changes.iter().any(|known| match (known, &change) {
                (Change::Begun(known, _), Change::Begun(namespace, _)) => known == namespace,
                (known, change) => known == change,
            });
            if !is_known {
                changes.push(change);
            }
        });
        transaction::run_hooks_at_end();
    }
}

/// At the end of a transaction: carries out what was remembered for the commit.
pub fn at_end_of_transaction(event: pg_sys::XactEvent::Type) {
    use pg_sys::XactEvent::{XACT_EVENT_ABORT, XACT_EVENT_COMMIT, XACT_EVENT_PREPARE};
    if !matches!(event, XACT_EVENT_COMMIT | XACT_EVENT_ABORT | XACT_EVENT_PREPARE) {
        return;
    }
    for change in CHANGES.take() {
        match change {
            _ if event == XACT_EVENT_ABORT => {}
            Change::Begun(namespace, before) => begin(namespace, before),
            Change::Unlisted(namespace) => {
                let database = backend::database();
                let is_it = |it: &&mut Warming| {
                    it.database == database && namespace.is_none_or(|namespace| it.namespace == namespace)
                };
                // A listing that is under way may have passed over what was cleared meanwhile.
                ALL.exclusive().0.iter_mut().filter(is_it).for_each(|it| (it.listed, it.listing) = (0, 0));
            }
        }
    }
}

/// A warming of a namespace is under way, if none was before.
fn begin(namespace: u64, before: Tally) {
    change(namespace, |it| {
        if it.since == NONE {
            (it.since, it.before) = (it.changed_at, before);
        }
        it.counted = FREE.counted;
    });
}

/// The sweeper has met a key of a namespace in line. After a restart that is how a warming is known.
pub fn record_seen(namespace: u64, before: Tally) {
    let (database, now) = (backend::database(), clock::now());
    let is_it = |it: &Warming| it.database == database && it.namespace == namespace && it.since != NONE;
    let is_known = ALL.exclusive().0.iter_mut().find(|it| is_it(it)).map(|it| it.seen_at = now).is_some();
    if !is_known {
        begin(namespace, before);
        change(namespace, |it| it.seen_at = now);
    }
}

/// The keys of a namespace are about to be listed. Called before the snapshot of the query.
pub fn begin_listing(namespace: u64) -> u64 {
    let listing = backend::random() | 1;
    change(namespace, |it| it.listing = listing);
    listing
}

/// Those that a query names are in line now, unless the namespace was cleared meanwhile: then they are to be listed
/// again.
pub fn end_listing(namespace: u64, listing: u64, query: u64) {
    change(namespace, |it| {
        if it.listing == listing {
            (it.listed, it.listing) = (query, 0);
        }
    });
}

/// Whether the keys that a query names were listed.
pub fn is_listed(namespace: u64, query: u64) -> bool {
    let database = backend::database();
    ALL.share().0.iter().any(|it| it.database == database && it.namespace == namespace && it.listed == query)
}

/// When the warming of a namespace began that is under way, and what had been counted then.
pub fn under_way(namespace: u64) -> Option<(Timestamp, Tally)> {
    let database = backend::database();
    let warmings = ALL.share();
    let found = warmings.0.iter().find(|it| it.database == database && it.namespace == namespace);
    found.filter(|it| it.since != NONE).map(|it| (it.since, it.before))
}

/// Whether some namespace of this database is being warmed.
pub fn some_under_way() -> bool {
    let database = backend::database();
    directory::attached() && ALL.share().0.iter().any(|it| it.database == database && it.since != NONE)
}

/// Nothing of a namespace, or of any, was in line at this moment: its warming is over, if it had begun before.
pub fn end(namespace: Option<u64>, at: Timestamp) {
    let database = backend::database();
    let is_it = |it: &&mut Warming| {
        let is_named = namespace.is_none_or(|namespace| it.namespace == namespace);
        it.database == database && is_named && it.changed_at < at
    };
    ALL.exclusive().0.iter_mut().filter(is_it).for_each(|it| it.since = NONE);
}

/// Every row that was due for a look was looked at, from this moment on: the warmings of which nothing was met are
/// over. A key in line is due for a look `look_again` microseconds after the last one.
pub fn end_unseen(from: Timestamp, look_again: i64) {
    let database = backend::database();
    let is_over = |it: &&mut Warming| {
        let last = it.seen_at.max(it.changed_at).0.saturating_add(look_again);
        it.database == database && it.since != NONE && last < from.0
    };
    ALL.exclusive().0.iter_mut().filter(is_over).for_each(|it| it.since = NONE);
}

/// How many keys of a namespace are in line, as `count` tells, unless that was counted not long ago. None: `count`
/// cannot tell.
pub fn counted(namespace: u64, count: impl FnOnce() -> Option<u64>) -> Option<u64> {
    let (database, now) = (backend::database(), clock::now());
    let is_it = |it: &&Warming| it.database == database && it.namespace == namespace;
    let known = ALL.share().0.iter().find(is_it).map(|it| it.counted);
    if let Some((counted, at, took)) = known
        && now.0.saturating_sub(at.0) < took.saturating_mul(COUNTS_APART)
    {
        return Some(counted);
    }
    let counted = count()?;
    let took = clock::now().0.saturating_sub(now.0);
    let is_it = |it: &&mut Warming| it.database == database && it.namespace == namespace;
    ALL.exclusive().0.iter_mut().find(is_it).into_iter().for_each(|it| it.counted = (counted, now, took));
    Some(counted)
}

fn change(namespace: u64, change: impl FnOnce(&mut Warming)) {
    let (database, now) = (backend::database(), clock::now());
    let mut all = ALL.exclusive();
    let is_it = |it: &Warming| it.database == database && it.namespace == namespace;
    let free = |it: &Warming| (it.database != Oid::INVALID, it.changed_at.0);
    let known = all.0.iter().position(is_it);
    let place = known.or_else(|| (0..MOST).min_by_key(|&number| free(&all.0[number])));
    if let Some(place) = place {
        let before = if known.is_some() { all.0[place] } else { Warming { database, namespace, ..FREE } };
        all.0[place] = Warming { changed_at: now, ..before };
        change(&mut all.0[place]);
    }
}

/// A database is gone.
pub fn drop_database(database: Oid) {
    ALL.exclusive().0.iter_mut().filter(|it| it.database == database).for_each(|it| *it = FREE);
}
