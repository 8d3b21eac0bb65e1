//! The configured namespaces.
//!
//! Owns this backend's copy of `cache_namespaces`, and reads the small table again when PostgreSQL says that it has
//! changed. Must never keep what may be rolled back.

mod expiry;
mod loader_owner;
mod namespace;
mod table;

pub use expiry::{Expiry, lifetime};
pub use loader_owner::WrittenFor;
pub use namespace::{Deadline, NamespaceOptions};

use crate::catalog::{self, ExtensionTables};
use cache_pg_rules::namespace::Namespace as Name;
use cache_pg_rules::{key::Key, limit::Limits};
use std::collections::{HashMap, HashSet};
use std::{cell::RefCell, rc::Rc, sync::OnceLock};

#[derive(Default)]
struct Known {
    namespaces: HashMap<String, Rc<NamespaceOptions>>,
    /// Whether one of them has [`NamespaceOptions::notifies`].
    someone_listens: bool,
    /// Whether one of them has a limit of its own.
    has_limits: bool,
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
    (Known { someone_listens, has_limits, namespaces }, is_settled)
}
