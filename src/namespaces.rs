//! The configured namespaces.
//!
//! Owns this backend's copy of `cache_namespaces`, and reads the small table again when PostgreSQL says that it has
//! changed. Must never keep what may be rolled back.

mod expiry;
mod loader_owner;
mod namespace;
mod refresh;
mod table;

pub use expiry::{Expiry, lifetime};
pub use loader_owner::WrittenFor;
pub use namespace::{Deadline, NamespaceOptions};

use crate::catalog::{self, ExtensionTables, column};
use crate::heap::Row;
use cache_pg_rules::ahead::Timing;
use cache_pg_rules::namespace::Namespace as Name;
use cache_pg_rules::{key::Key, limit::Limits, token::hash};
use std::collections::{HashMap, HashSet};
use std::{cell::RefCell, rc::Rc, sync::OnceLock};

#[derive(Default)]
struct Known {
    namespaces: HashMap<String, Rc<NamespaceOptions>>,
    /// Whether one of them has [`NamespaceOptions::notifies`].
    someone_listens: bool,
    /// Whether one of them has a limit of its own.
    has_limits: bool,
    /// Whether one of them has [`NamespaceOptions::refresh_ahead`].
    someone_refreshes: bool,
}

thread_local! {
    static KNOWN: RefCell<Option<Rc<Known>>> = const { RefCell::new(None) };
}

/// Takes the names of all configured namespaces.
pub type Observer = fn(HashSet<&str>);

static OBSERVER: OnceLock<Observer> = OnceLock::new();

/// From now on each copy that this process makes is reported to `observer`. Called once, when the library is loaded.
pub fn report_to(observer: Observer) {
    OBSERVER.get_or_init(|| observer);
}

/// The options that apply to `key`.
pub fn of(tables: &ExtensionTables, key: Key) -> Rc<NamespaceOptions> {
    named(tables, key.namespace())
}

/// The options of a namespace.
pub fn named(tables: &ExtensionTables, namespace: Name) -> Rc<NamespaceOptions> {
    known(tables).namespaces.get(namespace.as_str()).cloned().unwrap_or_default()
}

/// The limits of a namespace of its own.
pub fn limits(tables: &ExtensionTables, namespace: Name) -> Limits {
    let known = known(tables);
    let options = if known.has_limits { known.namespaces.get(namespace.as_str()) } else { None };
    options.map_or(Limits::default(), |options| options.limits())
}

/// Whether some namespace has a limit of its own.
pub fn has_limits(tables: &ExtensionTables) -> bool {
    known(tables).has_limits
}

/// Whether the near caches of some namespace are told what changes.
pub fn someone_listens(tables: &ExtensionTables) -> bool {
    known(tables).someone_listens
}

/// The namespaces whose near caches are told what changes.
pub fn listening(tables: &ExtensionTables) -> Vec<String> {
    let known = known(tables);
    known.namespaces.iter().filter(|(_, options)| options.notifies()).map(|(name, _)| name.clone()).collect()
}

/// Whether some namespace refreshes ahead.
pub fn someone_refreshes(tables: &ExtensionTables) -> bool {
    known(tables).someone_refreshes
}

/// The namespaces that are to be warmed, and the queries that list their keys.
pub fn to_warm(tables: &ExtensionTables) -> Vec<(String, String)> {
    let known = known(tables);
    let queries = known.namespaces.iter().filter(|(_, options)| options.loader.is_some());
    queries.filter_map(|(name, options)| Some((name.clone(), options.warm()?.to_owned()))).collect()
}

/// The namespaces with `refresh_ahead` or `warm` and without a loader, by name.
pub fn lacking_loader(tables: &ExtensionTables) -> Vec<String> {
    let known = known(tables);
    let lacking = known.namespaces.iter().filter(|(_, options)| options.lacks_loader());
    let mut names: Vec<String> = lacking.map(|(name, _)| name.clone()).collect();
    names.sort();
    names
}

/// The times of an entry that may be refreshed ahead: see [`NamespaceOptions::timing`].
pub fn timing(
    tables: &ExtensionTables,
    key: Key,
    (written_at, expires_at): (i64, i64),
    load: Option<i64>,
) -> Option<Timing> {
    let known = known(tables);
    let options = known.namespaces.get(key.namespace().as_str()).filter(|_| known.someone_refreshes)?;
    options.timing(written_at, expires_at, load)
}

/// The hash of the key of a row, and the times of its entry. None: it may not be refreshed ahead. Only JSON may.
pub fn row_timing(tables: &ExtensionTables, row: &Row) -> Option<(u64, Timing)> {
    if !someone_refreshes(tables) || !row.has(column::VALUE) {
        return None;
    }
    let key = Key::parse(row.text(column::KEY)?).ok()?;
    let moment = |column| row.datum(column).map(|datum| datum.value() as i64);
    let load = row.datum(column::LOAD_US).map(|datum| datum.value() as i64);
    let timing = timing(tables, key, (moment(column::UPDATED_AT)?, moment(column::EXPIRES_AT)?), load)?;
    Some((hash(key.as_str()), timing))
}

fn known(tables: &ExtensionTables) -> Rc<Known> {
    if !catalog::namespaces_changed()
        && let Some(known) = KNOWN.with_borrow(Clone::clone)
    {
        return known;
    }
    KNOWN.set(None);
    let (known, is_settled) = load(tables);
    let known = Rc::new(known);
    // What this transaction has written and not committed is read again each time.
    KNOWN.set(is_settled.then(|| known.clone()));
    known
}

fn load(tables: &ExtensionTables) -> (Known, bool) {
    let (namespaces, is_settled) = table::read(tables);
    if is_settled && let Some(observer) = OBSERVER.get() {
        observer(namespaces.keys().map(String::as_str).collect());
    }
    let any = |has: fn(&NamespaceOptions) -> bool| namespaces.values().any(|options| has(options));
    let someone_listens = any(NamespaceOptions::notifies);
    let has_limits = any(|options| options.limits() != Limits::default());
    let someone_refreshes = any(|options| options.refresh_ahead().is_some());
    (Known { someone_listens, has_limits, someone_refreshes, namespaces }, is_settled)
}
