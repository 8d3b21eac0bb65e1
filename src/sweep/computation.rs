//! One load, in a transaction of its own.
//!
//! Owns whose rights it has: the loader of a namespace runs with those of its owner, and so does the query that lists
//! the keys of the namespace. The privileges of that owner are checked, and the value is stored through the fence. Must
//! never run a trigger or a policy.

use super::{candidate, entries, process};
use crate::access::{self, Access, Verb};
use crate::ahead::load::{Kind, Load};
use crate::ahead::{in_line, line};
use crate::catalog::{self, ExtensionTables, column};
use crate::error::CacheError;
use crate::heap::Row;
use crate::loader::{self, Loader};
use crate::namespaces::{self, NamespaceOptions};
use crate::pg::{AsOwner, Format, SessionUser, TimeLimit, Value, under_latest};
use crate::settings;
use crate::stats;
use crate::store::{self, Put, Reloaded, Storing, Wanted};
use cache_pg_rules::{key::Key, namespace::Namespace, token::hash};
use pgrx::pg_sys::Oid;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;
use std::time::Instant;

/// The result of a load.
pub(super) enum Outcome {
    Reloaded(Reloaded),
    /// The keys that a query names are in line; whether all of them, or some were held by other transactions.
    Listed {
        are_all: bool,
    },
    /// Another session computes the value of the key, or has taken it out of the line.
    Overtaken,
    /// The row has gone, or is another one.
    Gone,
    /// The extension has gone.
    Absent,
    /// Another role owns its loader: another process must run it.
    OfAnother,
    /// A session needs the table or the database: the process leaves.
    Locked,
}

thread_local! {
    /// The key of the load under way, once it is known.
    static KEY: RefCell<Option<String>> = const { RefCell::new(None) };
    /// The role whose loaders this process runs: another role must not find what they have left in the session, such as
    /// an open connection.
    static OWNER: Cell<Option<Oid>> = const { Cell::new(None) };
    /// When its loader function was called.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Forgets the last load.
pub(super) fn forget() {
    KEY.set(None);
    BEGAN.set(None);
}

/// The key of the last load, if it was known. Of the listing of a namespace: no key of it, but its name and a `:`.
pub(super) fn take_key() -> Option<String> {
    KEY.take()
}

/// Whether the code of the user took longer than `cache_pg.load_timeout` in the last load.
pub(super) fn took_too_long() -> bool {
    BEGAN.get().is_some_and(|began| began.elapsed() >= settings::load_timeout())
}

/// Carries out a load, in the current transaction.
///
/// # Errors
/// The load has failed; it may also raise.
pub(super) fn carry_out(load: &Load) -> Result<Outcome, CacheError> {
    let tables = match usable_tables()? {
        Ok(tables) => tables,
        Err(outcome) => return Ok(outcome),
    };
    match load.kind {
        Kind::Refresh | Kind::Warm { .. } => reload(load, &tables),
        // `list` and `put_in_line` do it.
        Kind::List => Ok(Outcome::Gone),
    }
}

/// The tables, locked. Otherwise the reason why nothing can be loaded now.
fn usable_tables() -> Result<Result<Rc<ExtensionTables>, Outcome>, CacheError> {
    if !process::database_is_free() {
        return Ok(Err(Outcome::Locked));
    }
    let tables = match catalog::find() {
        Ok(tables) => tables,
        Err(CacheError::NotInstalled) => return Ok(Err(Outcome::Absent)),
        Err(error) => return Err(error),
    };
    if !entries::try_lock(&tables) {
        return Ok(Err(Outcome::Locked));
    }
    tables.check()?;
    Ok(Ok(tables))
}

/// Runs `work` with the rights of the owner of a loader. None: this process runs the loaders of another role.
fn with_rights_of_owner<R>(
    loader: &Loader,
    work: impl FnOnce(&Access) -> Result<R, CacheError>,
) -> Result<Option<R>, CacheError> {
    let owner = loader::owner(loader)?;
    if OWNER.get().is_some_and(|before| before != owner) {
        return Ok(None);
    }
    OWNER.set(Some(owner));
    // The checks below are of the rights of the owner, because no caller lends any.
    let _session = SessionUser::begin(owner);
    let _owner = AsOwner::of_code(owner);
    work(&access::check_all(&[Verb::Read, Verb::Fill])?).map(Some)
}

/// Runs code of the user, for no longer than `cache_pg.load_timeout`.
fn limited<R>(code: impl FnOnce() -> R) -> R {
    BEGAN.set(Some(Instant::now()));
    let _limit = TimeLimit::begin(settings::load_timeout());
    code()
}

/// Computes the value of an entry or of a key in line.
fn reload(load: &Load, tables: &ExtensionTables) -> Result<Outcome, CacheError> {
    let Some(found) = candidate::find(tables, load) else { return Ok(Outcome::Gone) };
    KEY.set(Some(found.key.clone()));
    let Ok(key) = Key::parse(&found.key) else { return Ok(Outcome::Gone) };
    let namespace = namespaces::of(tables, key);
    let may_load = !load.is_refresh() || namespace.refresh_ahead().is_some();
    let Some(function) = namespace.loader.as_ref().filter(|_| may_load) else { return Ok(Outcome::Gone) };
    let reloaded = with_rights_of_owner(function, |access| {
        let compute = || compute(function, key);
        if !load.is_refresh() {
            process::report(Some(c"warming a key"));
            if !line::goes_on(load, hash(key.as_str())) {
                return Ok(Reloaded::Unneeded);
            }
            return store::load_in_line(access, &namespace, key, found.tags, compute);
        }
        process::report(Some(c"refreshing an entry ahead of its deadline"));
        let deadline = |value, now| {
            namespace.check_size(key, value)?;
            Ok(NamespaceOptions::deadline_again(&namespace, found.lifetime, now))
        };
        let is_it = |row: &Row| row.get(column::UPDATED_AT) == Some(found.written_at);
        let storing = Storing { key, tags: found.tags, deadline: &deadline, replaces: Some(&is_it) };
        store::reload(access, &storing, compute)
    })?;
    Ok(match reloaded {
        None => Outcome::OfAnother,
        Some(unstored @ (Reloaded::Unneeded | Reloaded::Refused)) if !load.is_refresh() => {
            if is_in_line(tables, key) {
                candidate::record_held(key.as_str());
            }
            if unstored == Reloaded::Unneeded { Outcome::Overtaken } else { Outcome::Reloaded(unstored) }
        }
        Some(reloaded) => Outcome::Reloaded(reloaded),
    })
}

fn is_in_line(tables: &ExtensionTables, key: Key) -> bool {
    under_latest(|| in_line::find(tables, key, |_| ())).is_some()
}

/// Calls a loader function, and counts that.
fn compute(function: &Loader, key: Key) -> Result<Option<Value>, CacheError> {
    let value = stats::counting_load(key, || limited(|| loader::function(function, key)))?;
    Ok(value.map(Format::value))
}

/// What the option `warm` of a namespace lists.
pub(super) struct Listing {
    namespace: String,
    /// The hash of the query.
    pub query: u64,
    pub wanted: Wanted,
}

/// Lists the keys that the option `warm` of a namespace names, in the current transaction.
///
/// # Errors
/// As [`carry_out`].
pub(super) fn list(load: &Load) -> Result<Result<Listing, Outcome>, CacheError> {
    let tables = match usable_tables()? {
        Ok(tables) => tables,
        Err(outcome) => return Ok(Err(outcome)),
    };
    let due = namespaces::to_warm(&tables).into_iter().find(|(name, _)| hash(name) == load.namespace);
    let Some((name, _)) = due else { return Ok(Err(Outcome::Gone)) };
    KEY.set(Some(format!("{name}:")));
    let Ok(namespace) = Namespace::parse(&name) else { return Ok(Err(Outcome::Gone)) };
    // The query and the loader are those of one row: each belongs to the other.
    let options = namespaces::named(&tables, namespace);
    let (Some(function), Some(query)) = (&options.loader, options.warm()) else { return Ok(Err(Outcome::Gone)) };
    process::report(Some(c"listing the keys of a namespace to be warmed"));
    let wanted = with_rights_of_owner(function, |access| {
        let listed = limited(|| loader::listed(function, query))?;
        Wanted::of(access, namespace, listed)
    })?;
    let of = |wanted| Listing { namespace: name.clone(), query: hash(query), wanted };
    Ok(wanted.map(of).ok_or(Outcome::OfAnother))
}

/// Puts a part of what was listed in line, in the current transaction.
///
/// # Errors
/// As [`carry_out`].
pub(super) fn put_in_line(listing: &Listing, part: Range<usize>) -> Result<Result<Put, Outcome>, CacheError> {
    BEGAN.set(None);
    let tables = match usable_tables()? {
        Ok(tables) => tables,
        Err(outcome) => return Ok(Err(outcome)),
    };
    let Ok(namespace) = Namespace::parse(&listing.namespace) else { return Ok(Err(Outcome::Gone)) };
    let options = namespaces::named(&tables, namespace);
    let Some(function) = &options.loader else { return Ok(Err(Outcome::Gone)) };
    let put = with_rights_of_owner(function, |access| store::put_in_line(access, namespace, &listing.wanted, part))?;
    Ok(put.ok_or(Outcome::OfAnother))
}

/// Takes a key whose load has failed out of the line: its next caller computes it, and sees the error.
///
/// # Errors
/// As [`carry_out`].
pub(super) fn leave_out(key: &str) -> Result<(), CacheError> {
    let (Ok(tables), Ok(key)) = (usable_tables()?, Key::parse(key)) else { return Ok(()) };
    let namespace = namespaces::of(&tables, key);
    let Some(function) = &namespace.loader else { return Ok(()) };
    with_rights_of_owner(function, |access| store::leave_out(access, key)).map(|_| ())
}
