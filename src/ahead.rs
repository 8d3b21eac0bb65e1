//! Computing ahead, by processes of their own: entries that are read are refreshed before their deadline, and keys that
//! should be there are warmed before anyone asks.
//!
//! | module | what it owns |
//! |---|---|
//! | [`finder`] | finding the entries and keys, while the sweeper passes them |
//! | [`load`] | what is to be computed, and how that ends |
//! | [`places`] | shared memory: the loads that wait for a process |
//! | [`line`] | their order: putting them in line, and taking them out |
//! | [`looks`] | how many there are |
//! | [`in_line`] | the keys in line to be warmed, which stand in the table of entries |
//! | [`warmings`] | shared memory: which namespaces are being warmed |
//! | [`rests`] | shared memory: the keys and namespaces that are left alone for a while after failures |
//! | [`processes`] | shared memory: the processes that load |
//! | [`tally`] | the counts of the loads of a namespace |
//! | [`loads`] | how the loads of each namespace stand |
//! | [`errors`] | shared memory: the last error of each namespace |
//!
//! Owns what is computed ahead, and in which order; `sweep::loader` computes it. Only an entry that was read since it
//! was stored is refreshed, so one that is not read expires. Must never run a loader.

pub mod errors;
pub mod finder;
pub mod in_line;
pub mod line;
pub mod load;
pub mod loads;
pub mod looks;
mod places;
pub mod processes;
pub mod rests;
pub mod tally;
pub mod warmings;

use crate::catalog::ExtensionTables;
use crate::{evict::recency, namespaces, shared::directory};
use cache_pg_rules::{key::Key, namespace::Namespace, token::hash};
use pgrx::pg_sys::Oid;

/// Reserves shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    errors::register();
    places::register();
    processes::register();
    rests::register();
    warmings::register();
}

/// A computed value was stored: reads count from now on.
pub fn record_stored(tables: &ExtensionTables, key: Key) {
    if namespaces::someone_refreshes(tables) && namespaces::of(tables, key).refresh_ahead().is_some() {
        let key = hash(key.as_str());
        recency::mark_unread(key);
        if directory::attached() {
            rests::forget_key(key);
        }
    }
}

/// A namespace gets other options: what has failed is tried again, and what it should have is listed.
pub fn record_configured(namespace: Namespace) {
    if directory::attached() {
        forget_failures(namespace);
        warmings::list_at_commit(Some(hash(namespace.as_str())));
    }
}

/// Ends the pauses of a namespace after failures: its loads are tried again.
pub fn forget_failures(namespace: Namespace) {
    if directory::attached() {
        rests::forget_namespace(hash(namespace.as_str()));
    }
}

/// The entries of a namespace, or of all, are deleted: at the commit, what should be there is listed again.
pub fn record_cleared(tables: &ExtensionTables, namespace: Option<Namespace>) {
    namespace.into_iter().for_each(forget_failures);
    let is_concerned = |name: &str| namespace.is_none_or(|namespace| namespace.as_str() == name);
    if namespaces::to_warm(tables).iter().any(|(name, _)| is_concerned(name)) {
        warmings::list_at_commit(namespace.map(|namespace| hash(namespace.as_str())));
    }
}

/// A database is gone.
pub fn drop_database(database: Oid) {
    errors::drop_database(database);
    places::drop_database(database);
    rests::drop_database(database);
    warmings::drop_database(database);
}
