//! The entries that the current transaction has added, until it commits.
//!
//! The gauges in shared memory describe committed entries. They change at the commit, by the writes of the transaction
//! and of those subtransactions that were not rolled back. Limits are compared with both together. A prepared
//! transaction counts as committed. If it is rolled back later, the next whole turn corrects the gauges.
//!
//! Owns the ledger of this backend. Must never raise, nor wait.

use super::file;
use crate::stats::{DatabaseStats, NamespaceStats};
use crate::{pg::transaction, settings};
use cache_pg_rules::ledger::{Change, Ledger};
use cache_pg_rules::limit::{Held, Limits, Need};
use cache_pg_rules::{namespace::Namespace, places::Claim};
use pgrx::pg_sys;
use std::hash::{Hash, Hasher};
use std::{cell::RefCell, sync::atomic::Ordering};

/// What the ledger counts by: the statistics of a namespace, and the file of the table at the write.
#[derive(Clone, Copy)]
struct LedgerKey {
    /// None: shared memory counts nothing.
    stats: Option<&'static NamespaceStats>,
    /// The generation of their slot.
    generation: u32,
    file: u32,
    /// The namespace's own limits.
    limits: Limits,
}

impl PartialEq for LedgerKey {
    fn eq(&self, other: &Self) -> bool {
        self.address() == other.address() && self.generation == other.generation && self.file == other.file
    }
}

impl Eq for LedgerKey {}

impl Hash for LedgerKey {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.address().hash(hasher);
    }
}

impl LedgerKey {
    fn address(&self) -> *const NamespaceStats {
        self.stats.map_or(std::ptr::null(), std::ptr::from_ref)
    }

    fn is_of(&self, stats: &NamespaceStats) -> bool {
        std::ptr::eq(self.address(), stats)
    }
}

thread_local! {
    static LEDGER: RefCell<Ledger<LedgerKey>> = const { RefCell::new(Ledger::new()) };
}

/// Adds a change of the entries of a namespace, whose own limits are given.
pub fn add(namespace: Namespace, limits: Limits, change: Change) {
    // A removal does not count as use of its namespace.
    let claim = if change.entries < 0 { Claim::Found } else { Claim::Used };
    let stats = NamespaceStats::of(namespace, claim);
    let generation = stats.map_or(0, |stats| stats.generation.load(Ordering::Relaxed));
    let ledger_key = LedgerKey { stats, generation, file: file::current(), limits };
    LEDGER.with_borrow_mut(|ledger| ledger.add(ledger_key, change));
    transaction::run_hooks_at_end();
}

/// A subtransaction begins or ends.
pub fn at_subtransaction(event: pg_sys::SubXactEvent::Type, number: pg_sys::SubTransactionId) {
    use pg_sys::SubXactEvent::{SUBXACT_EVENT_ABORT_SUB, SUBXACT_EVENT_COMMIT_SUB, SUBXACT_EVENT_START_SUB};
    LEDGER.with_borrow_mut(|ledger| match event {
        SUBXACT_EVENT_START_SUB => ledger.begin(number),
        SUBXACT_EVENT_COMMIT_SUB => ledger.commit(number),
        SUBXACT_EVENT_ABORT_SUB => ledger.roll_back(number),
        _ => {}
    });
}

/// The transaction is rolled back.
pub fn clear() {
    LEDGER.with_borrow_mut(Ledger::clear);
}

/// The transaction has committed: adds its changes to the gauges.
pub fn apply() {
    let current = file::current();
    LEDGER.with_borrow_mut(|ledger| {
        if let Some(database) = DatabaseStats::mine() {
            for (ledger_key, change) in ledger.changes().filter(|(ledger_key, _)| ledger_key.file == current) {
                // A namespace that had a place at the write may have lost it.
                let stats =
                    ledger_key.stats.filter(|stats| stats.is_still(ledger_key.generation)).unwrap_or(&database.rest);
                stats.rows.now.add(change);
                database.total.add(change);
            }
        }
        ledger.clear();
    });
}

fn sum(counts: impl Fn(LedgerKey) -> bool) -> Change {
    let current = file::current();
    LEDGER.with_borrow(|ledger| ledger.sum(|ledger_key| ledger_key.file == current && counts(ledger_key)))
}

/// What the transaction has added so far.
pub fn change() -> Change {
    sum(|_| true)
}

/// What the transaction has added so far to one namespace.
pub fn change_of(stats: &NamespaceStats) -> Change {
    sum(|ledger_key| ledger_key.is_of(stats))
}

/// What the cache holds if the transaction commits.
pub fn held(database: &DatabaseStats) -> Held {
    database.total.with(change())
}

/// The same for one namespace.
pub fn held_of(stats: &NamespaceStats) -> Held {
    stats.rows.now.with(change_of(stats))
}

/// The consequences of what the transaction has added.
#[derive(Debug, Clone, Copy)]
pub struct Outlook {
    /// About how many entries were added. Entries that only became larger count by their growth.
    pub added: u64,
    /// How many bytes were added.
    pub bytes: u64,
    /// Whether room is needed.
    pub need: Need,
    /// Whether a namespace that has grown has limits of its own.
    pub has_limits: bool,
}

/// The consequences of what the transaction has added. None: nothing was added.
pub fn outlook() -> Option<Outlook> {
    if LEDGER.with_borrow(Ledger::is_empty) {
        return None;
    }
    let database = DatabaseStats::mine();
    let held = database.map_or_else(Held::default, held);
    let usual = held.bytes.checked_div(held.entries).map_or(i64::MAX, |usual| usual.max(1) as i64);
    let factor = settings::eviction_factor();
    let current = file::current();
    let mut outlook = Outlook { added: 0, bytes: 0, need: Need::None, has_limits: false };
    let has_grown = |change: Change| change.entries > 0 || change.bytes > 0;
    LEDGER.with_borrow(|ledger| {
        for (ledger_key, change) in ledger.changes().filter(|&(it, change)| it.file == current && has_grown(change)) {
            // If the usual size is unknown, an entry that only became larger counts as one.
            let by_growth = change.bytes / usual + i64::from(change.bytes > 0);
            outlook.added += change.entries.max(by_growth).max(0) as u64;
            outlook.bytes += change.bytes.max(0) as u64;
            outlook.has_limits |= ledger_key.limits.any();
            if ledger_key.limits.any()
                && let Some(stats) = ledger_key.stats
            {
                outlook.need = outlook.need.max(Need::of(ledger_key.limits, stats.rows.now.with(change), factor));
            }
        }
    });
    if outlook.added == 0 {
        return None;
    }
    if database.is_some() {
        outlook.need = outlook.need.max(Need::of(settings::limits(), held, factor));
    }
    Some(outlook)
}
