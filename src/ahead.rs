//! Refresh ahead: entries that are read are recomputed before their deadline, by processes of their own.
//!
//! | module | what it owns |
//! |---|---|
//! | [`finder`] | finding the entries, while the sweeper passes them |
//! | [`load`] | an entry that is to be recomputed, and how that ends |
//! | [`line`] | shared memory: the entries that wait for a load |
//! | [`rests`] | shared memory: the keys and namespaces that are left alone for a while after failures |
//! | [`processes`] | shared memory: the processes that load |
//! | [`loads`] | how the loads of each namespace stand |
//! | [`errors`] | shared memory: the last error of each namespace |
//!
//! Owns which entries are refreshed, and in which order; `sweep::loader` refreshes them. Only an entry that was read
//! since it was stored is found, so one that is not read expires. Must never run a loader.

pub mod errors;
pub mod finder;
pub mod line;
pub mod load;
pub mod loads;
pub mod processes;
mod rests;

use crate::catalog::ExtensionTables;
use crate::{evict::recency, namespaces, shared::directory};
use cache_pg_rules::{key::Key, namespace::Namespace, token::hash};
use pgrx::pg_sys::Oid;

/// Reserves shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    errors::register();
    line::register();
    processes::register();
    rests::register();
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

/// A namespace gets other options: what has failed is tried again.
pub fn record_configured(namespace: Namespace) {
    if directory::attached() {
        rests::forget_namespace(hash(namespace.as_str()));
    }
}

/// A database is gone.
pub fn drop_database(database: Oid) {
    errors::drop_database(database);
    line::drop_database(database);
    rests::drop_database(database);
}
